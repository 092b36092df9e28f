"""Email through the hub: sent once for its key, and told of by the vendor's own webhooks."""

import asyncio

import pytest

from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.errors import ConfigurationError, InvalidRequestError, OutcomeUnknownError
from hardpoint.email import DeliveryStatus, EmailChanged, merge
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.providers.sendgrid.fake import API_KEY, VERIFICATION_KEY, FakeSendGrid
from hardpoint.sync import Hub as BlockingHub

CONFIGURATION = """
[store]
url = "sqlite:events.db"

[connections.mail]
provider = "sendgrid"
api_key = "env:HP_KEY"
from = "Shop <orders@shop.example>"
base_url = "{url}"

[webhooks.mail]
provider = "sendgrid"
secrets = ["env:HP_VERIFICATION_KEY"]
"""
ANN, BOUNCED = "ann@customer.example", "bounced@fake.example"
ASKED = {"to": [ANN, BOUNCED], "subject": "Your order has left", "text": "hi"}


@pytest.fixture
def server():
    vendor = FakeSendGrid()
    with FakeServer(vendor) as server:
        yield server
    vendor.emitter.close()


@pytest.fixture
def path(tmp_path, monkeypatch, server):
    monkeypatch.setenv("HP_KEY", API_KEY)
    monkeypatch.setenv("HP_VERIFICATION_KEY", VERIFICATION_KEY)
    path = tmp_path / "hardpoint.toml"
    path.write_text(CONFIGURATION.format(url=server.url))
    return path


def test_an_email_is_sent_once_for_its_key_by_whichever_hub(path, server):
    with BlockingHub.load(path) as hub:
        first = hub.email("mail").send(**ASKED, idempotency_key="order-7")
        assert hub.email(first.id).send(**ASKED, idempotency_key="order-7") == first

    async def again():
        hub = Hub.load(path)
        try:
            return await hub.email("mail").send(**ASKED, idempotency_key="order-7")
        finally:
            await hub.stop()

    assert asyncio.run(again()) == first
    assert first.idempotency_key == "order-7"
    assert server.app.ledger.count("email") == 1


def test_a_lost_answer_is_never_repeated_and_settled_by_an_event(path, server):
    with BlockingHub.load(path) as hub:
        mail = hub.email("mail")
        server.faults.next(commit_then_drop())
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError) as caught:
                mail.send(**ASKED, idempotency_key="order-7")
        (emission,) = server.app.emitter.pending()
        keys = {event.idempotency_key for event in mail.parse_events(emission.body)}
    assert keys == {caught.value.idempotency_key} == {"order-7"}
    assert server.app.ledger.count("email") == 1


class Door:
    """The hub behind a socket, so that the vendor can call it."""

    name = "hub"

    def __init__(self, hub, loop):
        self._hub, self._loop = hub, loop

    def answer(self, request):
        return FakeReply(
            status=asyncio.run_coroutine_threadsafe(self._take(request), self._loop).result().status
        )

    async def _take(self, request):
        answered = self._loop.create_future()
        headers = [(name.encode(), text.encode()) for name, text in request.headers.items()]
        self._hub.receiver.submit(
            "mail",
            headers,
            request.body,
            lambda answer: self._loop.call_soon_threadsafe(answered.set_result, answer),
        )
        return await answered


def test_what_becomes_of_an_email_is_known_whatever_the_order_of_its_webhooks(path, server):
    vendor = server.app
    known = {}

    async def scenario():
        hub = Hub.load(path)
        done = asyncio.Event()

        @hub.on("mail", "*")
        async def changed(event, job):
            told = hub.email("mail").parse_event(event.body)
            assert isinstance(told, EmailChanged)
            known[told.to] = merge(known[told.to], told.status)
            if len(known) == 2 and all(status.ended for status in known.values()):
                done.set()

        async with hub:
            email = await hub.email("mail").send(**ASKED, metadata={"order": "7"})
            known.update({one.to: one.status for one in email.deliveries})
            with FakeServer(Door(hub, asyncio.get_running_loop())) as door:
                answers = await asyncio.to_thread(
                    vendor.emitter.deliver, door.url, Chaos(duplicates=2, shuffled=True)
                )
            await asyncio.wait_for(done.wait(), timeout=10)
        return [one.status for one in answers]

    assert asyncio.run(scenario()) == [200] * 3
    assert known == {ANN: DeliveryStatus.DELIVERED, BOUNCED: DeliveryStatus.BOUNCED}


def test_a_provider_without_email_is_named(path):
    with BlockingHub.load(path) as hub, pytest.raises(ConfigurationError) as caught:
        hub.sms("mail")
    assert "sendgrid has no sms" in str(caught.value)


def test_within_a_job_a_bad_argument_is_named_as_anywhere_and_a_good_call_has_the_jobs_key(
    path, server
):
    async def scenario():
        hub = Hub.load(path)
        mail = hub.email("mail")
        try:
            token = occasion.set(Occasion("job-7"))
            try:
                for field in ("subject", "text"):
                    with pytest.raises(InvalidRequestError) as caught:
                        await mail.send(**ASKED | {field: "\ud800"})
                    assert caught.value.field == field
            finally:
                occasion.reset(token)
            return [(await hub.once("welcome", mail.send, **ASKED)) for _ in range(2)]
        finally:
            await hub.stop()

    one, again = asyncio.run(scenario())
    assert one == again
    assert "welcome" in one.idempotency_key
    assert server.app.ledger.count("email") == 1
