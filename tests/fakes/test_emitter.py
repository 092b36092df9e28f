"""Webhooks of a fake vendor, received by our own scheme over a real socket."""

import queue
import threading

import httpx2
import pytest

from hardpoint.core.errors import WebhookError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Chaos, Emitter
from hardpoint.fakes.faults import latency
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.webhooks import WebhookRequest
from hardpoint.webhooks.standard import StandardWebhooks

NOW = 1_700_000_000.0
SCHEME = StandardWebhooks(secrets=[Secret.value("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")])


class Receiver:
    """An endpoint that believes what verifies."""

    name = "receiver"

    def __init__(self):
        self.ledger = Ledger()

    def answer(self, request):
        webhook = WebhookRequest(
            method=request.method,
            url=request.target,
            headers=list(request.headers.items()),
            body=request.body,
        )
        try:
            verified = SCHEME.verify(webhook, now=NOW)
        except WebhookError as error:
            self.ledger.record("refused", reason=error.reason)
            return FakeReply(status=401)
        self.ledger.record("believed", id=verified.events[0].id)
        return FakeReply(status=204)


@pytest.fixture
def receiver():
    with FakeServer(Receiver()) as server:
        yield server


@pytest.fixture
def emitter():
    emitter = Emitter(SCHEME, now=lambda: NOW)
    yield emitter
    emitter.close()


def say(emitter, *ids):
    for identifier in ids:
        emitter.emit(identifier, "thing.happened", b'{"type": "thing.happened"}')


def believed(receiver):
    return [entry.facts["id"] for entry in receiver.app.ledger.entries("believed")]


def test_what_was_emitted_is_delivered_signed_and_in_order(receiver, emitter):
    say(emitter, "a", "b")
    delivered = emitter.deliver(receiver.url)
    assert [(one.event_id, one.status) for one in delivered] == [("a", 204), ("b", 204)]
    assert believed(receiver) == ["a", "b"]
    assert emitter.deliver(receiver.url) == []


def test_webhooks_may_come_twice_and_in_any_order(receiver, emitter):
    ids = [f"e{number}" for number in range(20)]
    say(emitter, *ids)
    emitter.deliver(receiver.url, Chaos(duplicates=1, shuffled=True, seed=1))
    assert sorted(believed(receiver)) == sorted(ids * 2)
    assert believed(receiver) != sorted(believed(receiver))


@pytest.mark.parametrize(
    ("chaos", "reason"),
    [(Chaos(forged=True), "signature_mismatch"), (Chaos(late=3600), "stale_timestamp")],
)
def test_webhooks_may_be_forged_or_late(receiver, emitter, chaos, reason):
    say(emitter, "a")
    assert [one.status for one in emitter.deliver(receiver.url, chaos)] == [401]
    assert receiver.app.ledger.entries()[0].facts == {"reason": reason}


def test_nobody_listening_is_reported(emitter, receiver):
    receiver.stop()
    say(emitter, "a")
    assert [one.status for one in emitter.deliver(receiver.url)] == [0]


def test_webhooks_may_follow_as_they_come(receiver):
    emitter = Emitter(SCHEME, now=lambda: NOW)
    emitter.follow(receiver.url, Chaos(duplicates=1))
    say(emitter, "a", "b")
    emitter.close()
    assert believed(receiver) == ["a", "a", "b", "b"]


def test_what_follows_may_be_shuffled(receiver):
    ids = [f"e{number}" for number in range(20)]
    emitter = Emitter(SCHEME, now=lambda: NOW)
    say(emitter, *ids)
    emitter.follow(receiver.url, Chaos(shuffled=True, seed=1))
    emitter.close()
    assert sorted(believed(receiver)) == sorted(ids)
    assert believed(receiver) != ids


def test_a_share_of_them_may_come_in_good_order(receiver, emitter):
    ids = [f"e{number}" for number in range(40)]
    say(emitter, *ids)
    emitter.deliver(receiver.url, Chaos(forged=True, share=0.5, seed=1))
    refused = receiver.app.ledger.count("refused")
    assert 5 < refused < 35
    assert len(believed(receiver)) == 40 - refused


def test_who_follows_is_told_of_each(receiver):
    told = []
    emitter = Emitter(SCHEME, now=lambda: NOW)
    emitter.follow(receiver.url, told=told.append)
    say(emitter, "a")
    emitter.close()
    emitter = Emitter(SCHEME, now=lambda: NOW)
    receiver.stop()
    emitter.follow(receiver.url, told=told.append)
    say(emitter, "b")
    emitter.close()
    assert [str(one) for one in told] == [
        "webhook thing.happened a -> 204",
        "webhook thing.happened b -> no answer",
    ]


def test_a_webhook_may_overtake_a_late_answer(receiver, server):
    told = queue.SimpleQueue()
    answers = []
    emitter = Emitter(SCHEME, now=lambda: NOW)
    emitter.follow(receiver.url, told=told.put)
    server.app.answer = lambda request: (say(emitter, "a"), FakeReply())[1]
    server.faults.next(latency(3600))

    def ask():
        with pytest.raises(httpx2.RemoteProtocolError):
            answers.append(httpx2.get(server.url, trust_env=False, timeout=30))

    asking = threading.Thread(target=ask)
    asking.start()
    assert told.get(timeout=10).status == 204
    assert asking.is_alive()
    server.stop()
    asking.join()
    emitter.close()
    assert not answers


def test_what_waits_can_be_seen(emitter):
    say(emitter, "a", "b")
    assert [one.event_id for one in emitter.waiting()] == ["a", "b"]
    assert len(emitter.pending()) == 2
    assert emitter.waiting() == ()


def test_what_waits_can_be_taken_without_sending(emitter):
    say(emitter, "a")
    (emission,) = emitter.pending()
    assert (emission.event_id, emission.content_type) == ("a", "application/json")
    assert emitter.pending() == []
