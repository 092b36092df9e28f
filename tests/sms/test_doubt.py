"""A text whose answer was lost, and which the vendor has stored in words of its own."""

import msgspec
import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import OutcomeUnknownError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import commit_then_drop, reset
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sms.api import SmsSender
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.clock import ManualClock

TO, OTHER = "+4917012345678", "+4917087654321"
LONG = "Your order: https://shop.example/orders/1001"
SETTLED = 120


def shortened(text):
    return text.replace("https://shop.example/orders/1001", "https://twil.io/x").strip()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def server(clock):
    vendor = FakeTwilio(delivers=False, now=clock.now)
    with FakeServer(vendor) as server:
        yield server
    vendor.emitter.close()


class Looked:
    """A journal, and whether a person has looked at what is in doubt."""

    def __init__(self, journal):
        self.journal, self.looked = journal, False

    def __getattr__(self, name):
        return getattr(self.journal, name)

    async def begin(self, intent):
        return msgspec.structs.replace(await self.journal.begin(intent), cleared=self.looked)


@pytest.fixture
def journal(tmp_path, clock):
    store = SqliteStore(tmp_path / "shop.db", clock=clock, retention=None)
    store.open_blocking()
    yield Looked(StoreJournal(store, blocking=True))
    store.close_blocking()


@pytest.fixture
def texts(server, clock, journal):
    with BlockingTransport() as transport:
        connection = Connection("texts", BlockingRuntime(), clock=clock, journal=journal)
        settings = Twilio(
            account_sid=ACCOUNT_SID,
            secret=Secret.value(AUTH_TOKEN),
            from_=SENDER,
            base_url=server.url,
        )
        yield BlockingSender(SmsSender(TwilioSms(transport, settings), connection))


def lost(server, texts, body, key="k1"):
    server.faults.next(commit_then_drop(), on="POST *")
    with pytest.raises(OutcomeUnknownError):
        texts.send(to=TO, body=body, idempotency_key=key)


def sent(server):
    return server.app.ledger.count("message")


@pytest.mark.parametrize("body", [LONG, "trimmed\n"])
def test_a_text_that_the_vendor_spells_another_way_is_not_sent_again(server, texts, clock, body):
    server.app.mailbox.rewrites = shortened
    lost(server, texts, body)
    for wait, repeatable in ((SETTLED, True), (SETTLED, False), (10**6, False)):
        clock.advance(wait)
        with pytest.raises(OutcomeUnknownError, match="in words that the provider") as caught:
            texts.send(to=TO, body=body, idempotency_key="k1")
        assert caught.value.repeatable is repeatable
    assert sent(server) == 1


def test_a_text_that_is_there_as_it_was_given_is_taken_whatever_stands_beside_it(server, texts):
    lost(server, texts, LONG)
    server.app.mailbox.rewrites = shortened
    texts.send(to=TO, body=LONG + "!", idempotency_key="k2")
    assert texts.send(to=TO, body=LONG, idempotency_key="k1").body == LONG
    assert sent(server) == 2


def test_texts_of_other_keys_and_to_others_leave_no_doubt(server, texts, clock):
    server.faults.next(reset("headers"), on="POST *")
    with pytest.raises(OutcomeUnknownError):
        texts.send(to=TO, body=LONG, idempotency_key="k1")
    server.app.mailbox.rewrites = shortened
    texts.send(to=TO, body="another\n", idempotency_key="k2")
    texts.send(to=OTHER, body=LONG)
    clock.advance(SETTLED)
    texts.send(to=TO, body=LONG, idempotency_key="k1")


def test_a_person_who_has_looked_has_it_sent(server, texts, clock, journal):
    server.app.mailbox.rewrites = shortened
    lost(server, texts, LONG)
    clock.advance(2 * SETTLED)
    journal.looked = True
    texts.send(to=TO, body=LONG, idempotency_key="k1")
    assert sent(server) == 2
