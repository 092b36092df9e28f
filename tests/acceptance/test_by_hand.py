"""What `docs/explanation/by-hand.md` says of code written by hand, happening; and ours beside it.

The snippets are those of the page. By hand, waits take no time; everything else is real.
"""

import asyncio
import hmac
import json
import logging
import re
import threading
import time
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from hardpoint import Policy, Retry
from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    AlreadyExistsError,
    CircuitOpenError,
    DeclinedError,
    InvalidRequestError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.oauth.catalogue import Client, ProviderEntry, RefreshRotation
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.vault import Vault
from hardpoint.payments import PaymentGateway
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.fake import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY, FakeS3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import ThreadedCalls
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.providers.stripe import API_VERSION, Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.sms import SmsSender
from hardpoint.storage.api import ObjectStore
from hardpoint.testing import manual_time, no_delays

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "by-hand.md"
TO = "+4917012345678"


class Instant:
    """An `asyncio` whose sleeps take no time, and are written down."""

    def __init__(self):
        self.waits = []

    async def sleep(self, seconds):
        self.waits.append(seconds)


class Snippet:
    """What a section's snippet defines; setting an attribute changes what the snippet sees.

    Args:
        title: the section's.
        language: `py` for what is written by hand, `python` for ours.
        names: what the snippet takes for granted.
    """

    def __init__(self, title, language, **names):
        section = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        (source,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
        exec(compile(source, f"{title}, {language}", "exec"), names)
        self.__dict__ = names


def by_hand(title, **names):
    code = Snippet(title, "py", **names)
    code.asyncio = Instant()
    return code


def ours(title, **names):
    return Snippet(title, "python", **names)


# A payment


@pytest.fixture
def stripe():
    with FakeServer(FakeStripe()) as server:
        yield server
        server.app.emitter.close()


class ByHandShop:
    total = 1.15

    def __init__(self, server):
        self.code = by_hand("A payment")
        headers = {"authorization": f"Bearer {SECRET_KEY}", "stripe-version": API_VERSION}
        self.client = httpx2.AsyncClient(base_url=server.url, headers=headers)

    async def charge(self, **order):
        async with self.client:
            return await self.code.charge(self.client, order)


class OurShop:
    total = "1.15"

    def __init__(self, server):
        settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=server.url)
        policy = Policy("shop", timeout=10, retry=Retry(3))
        connection = Connection("shop", AsyncRuntime(), policy)
        self.transport = AsyncTransport()
        self.port = PaymentGateway(StripePayments(self.transport, settings), connection)

    async def charge(self, **order):
        with no_delays():
            async with self.transport:
                return await ours("A payment").charge(self.port, order)


def charge(kind, server, **changed):
    shop = kind(server)
    order = {"id": "order-1", "total": shop.total, "currency": "EUR", "card": "pm_card_visa"}
    return asyncio.run(shop.charge(**order | changed))


def taken(server):
    return [
        entry.facts["amount"] for entry in server.app.ledger.entries() if entry.kind == "charge"
    ]


class TestAPayment:
    def test_by_hand_a_cent_is_lost(self, stripe):
        charge(ByHandShop, stripe)
        assert taken(stripe) == [114]

    def test_by_hand_500_yen_are_50_000(self, stripe):
        charge(ByHandShop, stripe, total=500.0, currency="JPY")
        assert taken(stripe) == [50_000]

    def test_our_amounts_are_exact(self, stripe):
        charge(OurShop, stripe)
        charge(OurShop, stripe, id="order-2", total="500", currency="JPY")
        assert taken(stripe) == [115, 500]
        with pytest.raises(TypeError):
            charge(OurShop, stripe, total=1.15)

    def test_by_hand_a_lost_answer_is_paid_twice(self, stripe):
        stripe.faults.next(commit_then_drop())
        charge(ByHandShop, stripe)
        assert len(taken(stripe)) == 2

    def test_our_lost_answer_is_asked_for_again(self, stripe):
        stripe.faults.next(commit_then_drop())
        charge(OurShop, stripe)
        assert len(taken(stripe)) == 1

    def test_by_hand_a_declined_card_is_tried_three_times(self, stripe):
        with pytest.raises(RuntimeError, match="failed"):
            charge(ByHandShop, stripe, card="pm_card_visa_chargeDeclined")
        assert stripe.app.ledger.count("decline") == 3

    def test_our_decline_is_an_answer(self, stripe):
        with pytest.raises(DeclinedError):
            charge(OurShop, stripe, card="pm_card_visa_chargeDeclined")
        assert stripe.app.ledger.count("decline") == 1

    def test_by_hand_a_payment_that_failed_was_taken(self, stripe):
        stripe.faults.next(commit_then_drop(), times=3)
        with pytest.raises(RuntimeError, match="the payment failed"):
            charge(ByHandShop, stripe)
        assert len(taken(stripe)) == 3

    def test_our_doubt_is_said_and_settled_under_the_same_key(self, stripe):
        stripe.faults.next(commit_then_drop(), times=3)
        with pytest.raises(OutcomeUnknownError) as caught:
            charge(OurShop, stripe)
        charge(OurShop, stripe, id=caught.value.idempotency_key)
        assert len(taken(stripe)) == 1


# A text


class Waiting:
    """A vendor that answers once the program has done something else, or gives up on it."""

    name = "waiting"

    def __init__(self, vendor, patience):
        self.vendor = vendor
        self.patience = patience
        self.ledger = vendor.ledger
        self.asked = threading.Event()
        self.went_on = threading.Event()
        self.stood_still = False

    def answer(self, request):
        self.asked.set()
        self.stood_still = not self.went_on.wait(self.patience)
        return self.vendor.answer(request)


@pytest.fixture
def twilio():
    vendor = FakeTwilio(delivers=False)
    with FakeServer(vendor) as server:
        yield server
        vendor.emitter.close()


def elsewhere(url):
    """The official package, turned to the fake; it has no setting for that."""
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Elsewhere(TwilioHttpClient):
        def request(self, method, uri, *rest, **options):
            uri = uri.replace("https://api.twilio.com", url)
            return super().request(method, uri, *rest, **options)

    return Client(ACCOUNT_SID, AUTH_TOKEN, http_client=Elsewhere(pool_connections=False))


def by_hand_texts(url):
    names = {"ACCOUNT_SID": ACCOUNT_SID, "AUTH_TOKEN": AUTH_TOKEN, "SENDER": SENDER}
    code = by_hand("A text", **names)
    code.client = elsewhere(url)
    return lambda body: code.send(TO, body)


def our_texts(url):
    secret = Secret.value(AUTH_TOKEN)
    settings = Twilio(account_sid=ACCOUNT_SID, secret=secret, from_=SENDER, base_url=url)
    connection = Connection("texts", AsyncRuntime(), Policy("texts", timeout=10, retry=Retry(3)))

    async def send(body):
        async with AsyncTransport() as transport:
            return await ours("A text").send(
                SmsSender(TwilioSms(transport, settings), connection), TO, body
            )

    return send


class TestAText:
    @pytest.mark.parametrize(("make", "patience"), [(by_hand_texts, 0.25), (our_texts, 20)])
    def test_by_hand_everybody_waits_for_one_text(self, twilio, make, patience):
        vendor = twilio.app = Waiting(twilio.app, patience)

        async def other_work():
            while not vendor.asked.is_set():
                await asyncio.sleep(0)
            vendor.went_on.set()

        async def scenario():
            other = asyncio.create_task(other_work())
            await make(twilio.url)("hello")
            await other

        asyncio.run(scenario())
        assert vendor.stood_still is (make is by_hand_texts)

    def test_by_hand_a_lost_answer_is_texted_twice(self, twilio):
        twilio.faults.next(commit_then_drop())
        asyncio.run(by_hand_texts(twilio.url)("hello"))
        assert twilio.app.ledger.count("message") == 2

    def test_our_doubtful_text_is_not_repeated(self, twilio):
        twilio.faults.next(commit_then_drop())
        with pytest.raises(OutcomeUnknownError):
            asyncio.run(our_texts(twilio.url)("hello"))
        assert twilio.app.ledger.count("message") == 1


# A webhook


class ByHandReceiver:
    def __init__(self):
        self.paid = []
        self.code = by_hand("A webhook", SECRET=b"secret", mark_paid=self.mark_paid)

    async def mark_paid(self, event):
        await asyncio.sleep(0)  # the database
        self.paid.append(event["order"])

    async def deliver(self, body):
        signature = hmac.new(b"secret", body, "sha256").hexdigest()
        return await self.code.receive(body, signature)


class Dying(set):
    """The process ends as it is about to remember."""

    def add(self, _):
        raise KeyboardInterrupt


EVENT = json.dumps({"id": "evt_1", "type": "paid", "order": "order-1"}).encode()


class TestAWebhook:
    @pytest.mark.parametrize("body", [b'{"id":"evt_1"}', '{"id": "evt_1", "to": "Zoë"}'.encode()])
    def test_by_hand_a_genuine_event_is_refused(self, body):
        assert asyncio.run(ByHandReceiver().deliver(body)) == 401

    def test_by_hand_two_deliveries_at_a_time_act_twice(self):
        receiver = ByHandReceiver()

        async def twice():
            return await asyncio.gather(receiver.deliver(EVENT), receiver.deliver(EVENT))

        assert asyncio.run(twice()) == [200, 200]
        assert receiver.paid == ["order-1", "order-1"]

    def test_by_hand_a_crash_after_the_act_makes_the_redelivery_act_again(self):
        receiver = ByHandReceiver()
        receiver.code.seen = Dying()
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(receiver.deliver(EVENT))
        receiver.code.seen = set()
        asyncio.run(receiver.deliver(EVENT))
        assert receiver.paid == ["order-1", "order-1"]

    def test_our_event_acts_once_whatever_its_blanks_however_often_it_comes(self, shop):
        shop.sql("create table paid (id text)")
        ours("A webhook", hub=shop.hub)
        body = '{"id":"evt_1",  "type": "paid", "order": "Zoë"}'.encode()

        async def scenario():
            headers = shop.sign("billing", body)
            answers = [shop.post("billing", headers, body) for _ in range(10)]
            statuses = {(await answer).status for answer in answers}
            await shop.until(shop.attempts)
            return statuses

        assert shop.open(scenario) == {200}
        assert shop.sql("select * from paid") == [("Zoë",)]

    def test_our_handler_that_fails_after_its_write_has_written_nothing(self, shop):
        shop.sql("create table paid (id text)")
        mark_paid = ours("A webhook", hub=shop.hub).mark_paid

        @shop.hub.on("billing", name="dies")
        async def dies(event, job):
            await mark_paid(event, job)
            raise RuntimeError("the process ends here")

        async def scenario():
            await shop.pay("order-1")
            await shop.until(lambda: len(shop.attempts()) == 2)

        shop.open(scenario)
        assert shop.sql("select * from paid") == [("order-1",)]


# A circuit breaker, and retries


class Service:
    """Is down until it is up; then it holds its callers."""

    def __init__(self):
        self.down = True
        self.calls = 0
        self.release = asyncio.Event()

    async def __call__(self):
        self.calls += 1
        if self.down:
            raise UnavailableError("down")
        await self.release.wait()
        return "ok"


async def stampede(call, advance):
    """How many of a hundred callers reach the service when it may be tried again."""
    service = Service()
    for _ in range(5):
        with pytest.raises(UnavailableError):
            await call(service)
    service.down, service.calls = False, 0
    advance(60)
    crowd = [asyncio.create_task(call(service)) for _ in range(100)]
    for _ in range(5):
        await asyncio.sleep(0)
    service.release.set()
    return service.calls, await asyncio.gather(*crowd, return_exceptions=True)


class TestABreaker:
    def test_by_hand_everybody_tries_at_once(self):
        code = by_hand("A circuit breaker")
        now = [1000.0]
        breaker = code.Breaker()
        code.monotonic = lambda: now[0]

        def advance(seconds):
            now[0] += seconds

        reached, _ = asyncio.run(stampede(breaker.call, advance))
        assert reached == 100

    def test_our_breaker_lets_one_through(self):
        with manual_time() as clock:
            call = ours("A circuit breaker").call
            reached, outcomes = asyncio.run(stampede(call, clock.advance))
        assert reached == 1
        assert sum(isinstance(one, CircuitOpenError) for one in outcomes) == 99

    def test_by_hand_a_declined_card_opens_it(self):
        breaker = by_hand("A circuit breaker").Breaker()
        assert asyncio.run(declined(breaker.call)) == "RuntimeError"

    def test_our_breaker_takes_a_decline_for_an_answer(self):
        assert asyncio.run(declined(ours("A circuit breaker").call)) == "DeclinedError"


async def declined(call):
    """What the sixth declined card raises."""

    async def decline():
        raise DeclinedError("declined", reason=DeclineReason.DECLINED)

    for _ in range(5):
        with pytest.raises(DeclinedError):
            await call(decline)
    try:
        await call(decline)
    except Exception as error:
        return type(error).__name__


class TestRetries:
    def test_by_hand_three_layers_make_27_calls_of_one(self):
        retried = by_hand("Retries").with_retries
        calls = []

        async def down():
            calls.append(1)
            raise UnavailableError("down")

        with pytest.raises(UnavailableError):
            asyncio.run(retried(lambda: retried(lambda: retried(down))))
        assert len(calls) == 27

    def test_our_budget_bounds_the_retries_of_all_callers_together(self):
        began = time.monotonic()
        calls = self.outage(ours("Retries").with_retries)
        earned = 10 * (time.monotonic() - began)  # a slow machine gives the budget time to fill
        assert calls <= 100 + 10 + 20 + earned + 1

    def test_by_hand_an_outage_is_tripled(self):
        assert self.outage(by_hand("Retries").with_retries) == 300

    @staticmethod
    def outage(with_retries):
        """How many calls a service that is down gets from a hundred callers."""
        calls = []

        async def down():
            calls.append(1)
            raise UnavailableError("down")

        async def hundred():
            callers = (with_retries(down) for _ in range(100))
            return await asyncio.gather(*callers, return_exceptions=True)

        with no_delays():
            asyncio.run(hundred())
        return len(calls)

    def test_by_hand_it_is_asked_again_before_it_is_allowed(self):
        code = by_hand("Retries")
        with pytest.raises(RateLimitedError):
            asyncio.run(code.with_retries(slow_down))
        assert code.asyncio.waits == [1, 2]

    def test_our_least_wait_is_what_was_asked(self):
        with no_delays() as waits, pytest.raises(RateLimitedError):
            asyncio.run(ours("Retries").with_retries(slow_down))
        assert len(waits) == 2
        assert min(waits) >= 30

    @pytest.mark.parametrize(("kind", "times"), [(by_hand, 3), (ours, 1)])
    def test_a_bug_of_ones_own_is_tried_again_by_hand_only(self, kind, times):
        calls = []

        async def buggy():
            calls.append(1)
            raise KeyError("order")

        with pytest.raises(KeyError):
            asyncio.run(kind("Retries").with_retries(buggy))
        assert len(calls) == times


async def slow_down():
    raise RateLimitedError("slow down", retry_after=30.0)


# A token


@pytest.fixture
def login():
    """A login at a provider that takes a refresh token's second use for a theft (RFC 9700)."""
    with FakeServer(FakeAuthorization(rotation="strict")) as server:
        yield Login(server)


class Login:
    def __init__(self, server):
        self.vendor = server.app
        self.url = f"{server.url}/token"
        self.granted = self.vendor.grant()

    def by_hand(self):
        """What a program has when it starts: the refresh token of its configuration."""
        return by_hand("A token").Tokens(self.post, self.granted["refresh_token"])

    async def post(self, **form):
        async with httpx2.AsyncClient() as client:
            reply = await client.post(self.url, data=form, auth=("client", "client-secret"))
        reply.raise_for_status()
        return reply.json()

    def vault(self, folder):
        entry = ProviderEntry(
            name="acme",
            authorize_url=self.url,
            token_url=self.url,
            api_hosts=frozenset({"api.acme.example"}),
            rotation=RefreshRotation.STRICT,
            verified_on=date(2026, 11, 28),
            sources=("https://www.rfc-editor.org/rfc/rfc9700",),
        )
        secret = Secret.value("client-secret")
        client = Client(entry=entry, client_id="client", client_secret=secret)
        keyring = Keyring(Secret.value("k1:" + "A" * 43 + "="))
        return Vault(folder / "vault.db", keyring, {"acme": client})

    async def keep(self, vault):
        """The tokens of a login whose access token has just ended."""
        now = time.time()
        tokens = Tokens(
            access=Secret.value(self.granted["access_token"]),
            refresh=Secret.value(self.granted["refresh_token"]),
            issued_at=now - 3601,
            expires_at=now - 1,
        )
        await vault.put("calendar", tokens, client="acme")


async def two(call):
    return await asyncio.gather(call(), call(), return_exceptions=True)


class TestAToken:
    def test_by_hand_two_refreshes_at_a_time_revoke_the_login(self, login):
        tokens = login.by_hand()
        outcomes = asyncio.run(two(tokens.get))
        assert any(isinstance(one, httpx2.HTTPError) for one in outcomes)
        assert not login.vendor.alive()

    def test_by_hand_a_restart_presents_the_old_refresh_token(self, login):
        asyncio.run(login.by_hand().get())
        with pytest.raises(httpx2.HTTPError):
            asyncio.run(login.by_hand().get())
        assert not login.vendor.alive()

    def test_our_refresh_is_one_whoever_asks_and_whatever_restarts(self, login, tmp_path):
        token = ours("A token").token

        async def first():
            async with login.vault(tmp_path) as vault:
                await login.keep(vault)
                return await two(lambda: token(vault))

        async def restarted():
            async with login.vault(tmp_path) as vault:
                await vault.refresh("calendar")
                return await token(vault)

        one, other = asyncio.run(first())
        assert one == other
        assert asyncio.run(restarted()) != one
        assert login.vendor.alive()
        assert login.vendor.ledger.count("refresh") == 2


# A file


class Bucket:
    def __init__(self):
        self.objects = {}

    async def exists(self, key):
        found = key in self.objects
        await asyncio.sleep(0)
        return found

    async def put(self, key, data):
        self.objects.setdefault(key, []).append(data)


class TestAFile:
    def test_by_hand_a_name_leads_out_of_the_folder(self, tmp_path):
        folder = tmp_path / "uploads"
        folder.mkdir()
        by_hand("A file").save(folder, "../passwords", b"mine")
        assert (tmp_path / "passwords").read_bytes() == b"mine"

    def test_by_hand_of_two_uploads_one_is_lost(self):
        bucket = Bucket()
        publish = by_hand("A file").publish

        async def both():
            await asyncio.gather(*(publish(bucket, "invoice", data) for data in (b"a", b"b")))

        asyncio.run(both())
        assert bucket.objects["invoice"] == [b"a", b"b"]

    def test_our_keys_stay_in_the_folder(self, tmp_path):
        folder = tmp_path / "uploads"
        folder.mkdir()
        settings = Filesystem(path=folder)
        driver = FilesystemStorage(ThreadedCalls(settings), settings)
        files = ObjectStore(driver, Connection("files", AsyncRuntime()))
        with pytest.raises(InvalidRequestError):
            asyncio.run(ours("A file").publish(files, "../passwords", b"mine"))
        assert list(tmp_path.iterdir()) == [folder]

    def test_our_second_upload_is_told_that_there_is_one(self, bucket):
        publish = ours("A file").publish

        async def both(files):
            calls = (publish(files, "invoice", data) for data in (b"a", b"b"))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            return [type(one) for one in outcomes]

        assert sorted(bucket(both), key=str) == [type(None), AlreadyExistsError]

    def test_by_hand_a_link_in_the_database_is_a_credential_and_dead_after_a_week(self):
        import boto3
        from botocore.config import Config

        s3 = boto3.client(
            "s3",
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(signature_version="s3v4"),
        )
        user = {}
        by_hand("A file", BUCKET=BUCKET).avatar(s3, user, "jenny.png")
        assert life(user["avatar"]) == 7 * 24 * 3600

    def test_our_link_is_made_when_it_is_asked_for(self, bucket):
        user = {"avatar": "jenny.png"}
        link = bucket(lambda files: ours("A file").avatar(files, user))
        assert life(link) == 300
        assert user == {"avatar": "jenny.png"}


def life(link):
    """Seconds for which a link opens the file, by what is signed in it."""
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Signature"]
    return int(query["X-Amz-Expires"][0])


@pytest.fixture
def bucket():
    """Gives what is made of our store over a bucket."""
    with FakeServer(FakeS3()) as server:
        settings = S3(
            bucket=BUCKET,
            region=REGION,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=Secret.value(SECRET_ACCESS_KEY),
            endpoint_url=server.url,
        )

        async def run(use):
            async with AsyncTransport() as transport:
                connection = Connection("files", AsyncRuntime())
                return await use(ObjectStore(S3Storage(transport, settings), connection))

        yield lambda use: asyncio.run(run(use))


# A log


class TestALog:
    def test_by_hand_the_secret_key_is_in_the_log(self, caplog):
        code = by_hand("A log")
        with caplog.at_level(logging.WARNING):
            code.start(code.Settings(secret_key=SECRET_KEY))
        assert SECRET_KEY in caplog.text

    def test_our_secret_is_masked(self, caplog):
        with caplog.at_level(logging.WARNING):
            ours("A log").start(SECRET_KEY)
        assert "starting with" in caplog.text
        assert SECRET_KEY not in caplog.text


def test_every_link_of_the_page_leads_somewhere():
    for target in re.findall(r"\]\((\.\.?/[^)]+|[\w-]+\.md)\)", PAGE.read_text()):
        assert (PAGE.parent / target).resolve().exists(), target
