"""Failover among accounts for SMS: who is tried when, that nothing is sent twice, and consent."""

import asyncio

import pytest

from hardpoint.calls.failover import FailedOver
from hardpoint.core.errors import InvalidRequestError, OutcomeUnknownError, UnsupportedError
from hardpoint.fakes.faults import commit_then_drop, rate_limit, status
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, FakeTwilio
from hardpoint.providers.twilio.fake import SENDER as TWILIO
from hardpoint.providers.vonage.fake import API_KEY, API_SECRET, FakeVonage
from hardpoint.resilience.policy import Policy
from hardpoint.sms import MessageReceived, OptedOutError, SmsConsent
from hardpoint.sync import Hub as BlockingHub

TO, INVALID, OPTED_OUT = "+4917012345678", "+15005550001", "+15005550004"
VONAGE = "+14155550100"
TOML = f"""
[store]
url = "sqlite:store.db"

[groups.texts]
connections = ["twilio", "vonage"]

[connections.twilio]
provider = "twilio"
account_sid = "{ACCOUNT_SID}"
secret = "env:TWILIO"
from = "{TWILIO}"
base_url = "TWILIO_URL"

[connections.vonage]
provider = "vonage"
api_key = "{API_KEY}"
api_secret = "env:VONAGE"
from = "{VONAGE}"
base_url = "VONAGE_URL"
"""


class Shop:
    """A hub with both accounts, in one of the two ways."""

    def __init__(self, path, blocking, twilio, vonage):
        self.twilio, self.vonage = twilio, vonage
        self.told = []
        self._path, self._blocking = path, blocking

    def do(self, use):
        """What `use` makes of a hub: a list of calls, one after the other."""
        policies = {name: Policy(name) for name in ("twilio", "vonage")}
        options = {"listeners": [self.told.append], "policies": policies}
        settings = Settings.load(self._path)
        if self._blocking:
            with BlockingHub(settings, **options) as hub:
                return [made() for made in use(hub)][-1]

        async def asynchronously():
            async with Hub(settings, **options) as hub:
                return [await made() for made in use(hub)][-1]

        return asyncio.run(asynchronously())

    def send(self, **options):
        asked = {"to": TO, "body": "hello", "idempotency_key": "k"} | options
        return self.do(lambda hub: [lambda: hub.sms("texts").send(**asked)])

    def sent(self):
        return self.twilio.app.ledger.count("message"), self.vonage.app.ledger.count("message")

    def failed_over(self):
        return [(one.connection, one.error) for one in self.told if isinstance(one, FailedOver)]


@pytest.fixture(params=[False, True], ids=["async", "blocking"])
def shop(request, tmp_path, monkeypatch):
    monkeypatch.setenv("TWILIO", AUTH_TOKEN)
    monkeypatch.setenv("VONAGE", API_SECRET)
    vendors = FakeTwilio(delivers=False), FakeVonage(delivers=False)
    with FakeServer(vendors[0]) as twilio, FakeServer(vendors[1]) as vonage:
        path = tmp_path / "hardpoint.toml"
        path.write_text(TOML.replace("TWILIO_URL", twilio.url).replace("VONAGE_URL", vonage.url))
        yield Shop(path, request.param, twilio, vonage)
    for one in vendors:
        one.emitter.close()


def test_the_first_sends_and_a_repeat_gives_the_same(shop):
    message = shop.send()
    assert message.id.startswith("twilio:")
    assert shop.send() == message
    assert shop.sent() == (1, 0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(status(401), "AuthenticationError"), (rate_limit(), "RateLimitedError")],
)
def test_the_next_sends_from_its_own_number_where_the_first_has_done_nothing(shop, fault, error):
    shop.twilio.faults.next(fault, times=9)
    message = shop.send()
    assert message.id.startswith("vonage:")
    assert message.from_ == VONAGE
    assert shop.failed_over() == [("twilio", error)]
    assert shop.send() == message
    assert shop.sent() == (0, 1)
    assert next(iter(shop.vonage.app.messages.values()))["client_ref"] == "k"


def test_a_repeat_is_the_same_once_the_first_account_was_taken_out(shop):
    extra = {"twilio": {"SmartEncoded": "true"}}
    message = shop.send(extra=extra)
    text = shop._path.read_text().replace('"twilio", "vonage"]', '"vonage", "third"]')
    account = text.partition("[connections.vonage]")[2]
    shop._path.write_text(f"{text}\n[connections.third]{account}")
    assert shop.send(extra=extra) == message
    assert shop.sent() == (1, 0)


def test_a_doubt_goes_to_no_other_account(shop):
    shop.twilio.faults.next(commit_then_drop(), on="POST *")
    with pytest.raises(OutcomeUnknownError):
        shop.send()
    assert shop.send().id.startswith("twilio:"), "the repeat finds it there"
    assert shop.sent() == (1, 0)
    assert shop.failed_over() == []


def test_a_doubt_at_the_second_stays_there(shop):
    shop.twilio.faults.next(status(401))
    shop.vonage.faults.next(commit_then_drop())
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError):
            shop.send()
    assert shop.sent() == (0, 1)


@pytest.mark.parametrize("to", [INVALID, OPTED_OUT])
def test_what_is_wrong_with_the_recipient_is_sent_by_nobody_else(shop, to):
    with pytest.raises(InvalidRequestError):
        shop.send(to=to)
    assert shop.sent() == (0, 0)
    assert shop.vonage.requests == 0


def test_who_opted_out_of_one_is_texted_by_none(shop):
    def use(hub):
        texts = hub.sms("texts")

        def refused():
            return texts.send(to=OPTED_OUT, body="hello")

        return [lambda: caught(refused), lambda: caught(refused)]

    def caught(send):
        if shop._blocking:
            with pytest.raises(OptedOutError) as told:
                send()
            return told.value

        async def awaited():
            with pytest.raises(OptedOutError) as told:
                await send()
            return told.value

        return awaited()

    assert shop.do(use).status is None, "the second time nobody was asked"
    assert (shop.twilio.requests, shop.vonage.requests) == (1, 0)


@pytest.mark.parametrize(("connection", "own"), [("twilio", TWILIO), ("vonage", VONAGE)])
def test_a_stop_to_any_of_them_counts_for_the_group_until_a_start(shop, connection, own):
    def said(consent):
        return MessageReceived(message_id="m", from_=TO, to=own, body="", consent=consent)

    def use(*consents):
        def calls(hub):
            heed = [lambda one=one: hub.sms(connection).heed(said(one)) for one in consents]
            return [*heed, lambda: hub.sms("texts").send(to=TO, body="hello")]

        return calls

    with pytest.raises(OptedOutError):
        shop.do(use(SmsConsent.STOP))
    assert (shop.twilio.requests, shop.vonage.requests) == (0, 0)
    assert shop.do(use(SmsConsent.STOP, SmsConsent.START)).id.startswith("twilio:")


def test_what_one_of_them_cannot_do_is_asked_of_none(shop):
    with pytest.raises(UnsupportedError, match="vonage"):
        shop.send(media=["https://shop.example/cat.png"])
    assert (shop.twilio.requests, shop.vonage.requests) == (0, 0)


class Kept:
    """Suppressions of the application's own, as a table of its database would hold them."""

    def __init__(self, *pairs):
        self.pairs = set(pairs)

    async def holds(self, sender, to):
        return (sender, to) in self.pairs

    async def add(self, sender, to):
        self.pairs.add((sender, to))

    async def remove(self, sender, to):
        self.pairs.discard((sender, to))


@pytest.mark.parametrize("kind", [Hub, BlockingHub])
def test_an_application_may_keep_them_itself(shop, kind):
    kept = Kept((VONAGE, TO))
    hub = kind(Settings.load(shop._path), suppressions=kept)
    for texts in (hub.sms("texts"), hub.sms("vonage")):
        assert getattr(texts, "asynchronous", texts).suppressions is kept
