"""What `docs/explanation/by-hand.md` says of code written by hand, happening; and ours beside it.

The snippets are those of the page. By hand, waits take no time; everything else is real.
"""

import asyncio
import hmac
import json
import re
import threading
import time

import httpx2
import pytest
from tests.acceptance.conftest import PAGE, by_hand, ours

from hardpoint import Policy, Retry
from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    CircuitOpenError,
    DeclinedError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.payments import PaymentGateway
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe import API_VERSION, Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.sms import SmsSender
from hardpoint.testing import manual_time, no_delays

TO = "+4917012345678"


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


# A file


# A log


def test_every_link_of_the_page_leads_somewhere():
    for target in re.findall(r"\]\((\.\.?/[^)]+|[\w-]+\.md)\)", PAGE.read_text()):
        assert (PAGE.parent / target).resolve().exists(), target
