import asyncio
import hashlib

import msgspec
import pytest
from tests.webhooks.conftest import scripted, signed, told

from hardpoint.core.errors import (
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
    StoreUnavailableError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import slot_of, slot_of_hash
from hardpoint.store.driver import Stored
from hardpoint.store.keys import dedupe_hash, key_of
from hardpoint.store.views import State
from hardpoint.webhooks.answers import STORED, TOO_LARGE, UNAUTHORIZED, UNAVAILABLE
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.delivery import EVENTS_AT_ONCE
from hardpoint.webhooks.reception import EventReceived, RequestsRefused
from hardpoint.webhooks.sources import UNKNOWN_SOURCE, Source, Sources
from hardpoint.webhooks.verification import (
    BODY_BYTES_MAX,
    Notification,
    Reply,
    Verified,
    scheme,
)

COVERED = {"asserted": False, "malformed": False}


def events(rig):
    return rig.read(lambda reader: reader.events())


def test_a_genuine_event_is_stored_and_acknowledged_with_its_handlers_or_without(rig):
    one = rig()

    @one.on("handled")
    async def handled(event, job):
        pass

    async def scenario():
        answers = await asyncio.gather(one.deliver("evt_1", "handled"), one.deliver("evt_2"))
        await one.until(one.attempts)
        return answers

    assert one.play(scenario) == [STORED, STORED]
    assert {e.vendor_id: e.state for e in events(one)} == {
        "evt_1": State.DONE,
        "evt_2": State.SKIPPED,
    }


def test_an_events_id_says_where_its_key_is_routed_to(rig):
    one = rig()

    async def scenario():
        await one.deliver("evt_1")
        await one.deliver("evt_2")

    one.play(scenario)
    for event in events(one):
        hashed = dedupe_hash("billing", key_of(event.vendor_id, None, b"", **COVERED))
        assert slot_of(event.id) == slot_of_hash(hashed)


def test_the_answer_comes_after_the_commit_and_not_before(rig):
    one = rig()

    async def scenario():
        answered = one.deliver()
        assert not answered.done()
        await answered
        assert len(events(one)) == 1

    one.play(scenario)


def test_what_is_kept_of_a_request_is_its_body_the_allowed_headers_and_when_it_was_signed(rig):
    one = rig()
    body = b'{"id": "evt_1", "type": "paid", "n":\t1.0}'

    async def scenario():
        source, headers, _ = signed(one, body)
        extra = [("Content-Type", "application/json"), ("Authorization", "Bearer canary")]
        await one.submit(source, [*headers, *extra, ("Cookie", "canary")], body)

    one.play(scenario)
    (view,) = one.read(lambda reader: reader.event(events(one)[0].id))
    assert view.body == body
    assert view.headers == {"content-type": "application/json"}
    assert view.signed_at == int(one.clock.now())


@pytest.mark.parametrize(
    ("given", "kept"),
    [("req-1.A_b", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)],
)
def test_a_harmless_request_id_becomes_the_correlation_id(rig, given, kept):
    one = rig()

    async def scenario():
        source, headers, body = signed(one, b'{"id": "evt_1", "type": "paid"}')
        await one.submit(source, [*headers, ("X-Request-Id", given)], body)

    one.play(scenario)
    (event,) = events(one)
    assert event.correlation_id == (given if kept else event.id)
    assert told(one, EventReceived)[0].correlation_id == event.correlation_id


def test_the_same_event_again_is_acknowledged_and_handled_once(rig):
    """E12: a captured request that is replayed within the window is one event."""
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        await one.ready()
        answers = [await one.deliver(), await one.deliver()]
        await one.until(one.attempts)
        await one.until(lambda: [lane.held for lane in one.worker._shares] == [0, 0])
        return answers

    assert one.play(scenario) == [STORED, STORED]
    assert len(events(one)) == len(one.attempts()) == 1
    assert [e.stored for e in told(one, EventReceived)] == [Stored.NEW, Stored.DUPLICATE]


def test_the_same_id_with_another_body_keeps_the_first(rig):
    """E13"""
    one = rig()

    async def scenario():
        first = b'{"id": "evt_1", "type": "paid"}'
        other = b'{"id": "evt_1", "type": "paid", "amount": 1}'
        return [await one.submit(*signed(one, first)), await one.submit(*signed(one, other))]

    assert one.play(scenario) == [STORED, STORED]
    first, second = told(one, EventReceived)
    assert (second.stored, second.severity) == (Stored.CONFLICT, "warning")
    assert second.event_id == first.event_id
    (view,) = one.read(lambda reader: reader.event("evt_1"))
    assert view.body == b'{"id": "evt_1", "type": "paid"}'


def test_a_body_under_a_good_signature_that_cannot_be_read_is_stored_apart(rig):
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        return await one.submit(*signed(one, b"not json"))

    assert one.play(scenario) == STORED
    (event,) = events(one)
    assert (event.state, event.vendor_id, event.type) == (State.QUARANTINED, None, "")
    (received,) = told(one, EventReceived)
    assert "not the JSON expected" in received.quarantine
    assert one.attempts() == []


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "missing_signature"),
        ([("Stripe-Signature", "")], "malformed_request"),
        ([("Stripe-Signature", "t=1700000000,v1=" + "0" * 64)], "signature_mismatch"),
    ],
)
def test_what_does_not_verify_is_answered_401_and_counted_and_not_stored(rig, headers, reason):
    one = rig()

    async def scenario():
        answer = await one.submit("billing", headers, b'{"id": "evt_1", "type": "paid"}')
        await one.inbox.flush()
        await one.inbox.flush()
        return answer

    assert one.play(scenario) == UNAUTHORIZED
    assert events(one) == []
    assert one.read(lambda reader: reader.refusals()) == {"billing": {reason: 1}}
    assert told(one, RequestsRefused) == [RequestsRefused(source="billing", reason=reason, count=1)]
    assert told(one, EventReceived) == []


def test_an_unknown_source_gets_the_same_answer_after_the_same_work(rig):
    """E35: what a source is called cannot be told from answers."""
    one = rig()

    async def scenario():
        _, headers, body = signed(one, b'{"id": "evt_1", "type": "paid"}')
        known = await one.submit("billing", [("Stripe-Signature", "forged")], body)
        unknown = await one.submit("nobody", headers, body)
        await one.inbox.flush()
        return known, unknown

    known, unknown = one.play(scenario)
    assert known is unknown is UNAUTHORIZED
    assert one.read(lambda reader: reader.refusals()) == {
        "billing": {"malformed_request": 1},
        UNKNOWN_SOURCE: {"unknown_source": 1},
    }


class Dear:
    """A scheme that counts the bytes it was made to look at."""

    stored_headers = frozenset()

    def __init__(self, refusal_us, error):
        self.refusal_us = refusal_us
        self.error = error
        self.looked_at = []

    def verify(self, request, *, now):
        self.looked_at.append((bool(dict(request.headers).get(b"decoy")), len(request.body)))
        raise self.error

    def decoy(self, *, now):
        return [(b"decoy", b"1")]


@pytest.mark.parametrize(
    ("source", "work"),
    [
        ("nobody", [("dear", True, 9)]),
        ("cheap", [("cheap", False, 9), ("dear", True, 0)]),  # its own hashed the body
        ("hasty", [("dear", True, 9), ("hasty", False, 9)]),  # its own did not
        ("dear", [("dear", False, 9)]),
        ("near", [("near", False, 9)]),  # a decoy on top would make it the dearest
        ("late", [("late", False, 9)]),  # who can sign knows the source anyway
    ],
)
def test_every_refusal_costs_what_the_dearest_scheme_costs(rig, source, work):
    """E35: what a source is called cannot be told from times."""
    one = rig()
    schemes = {
        "cheap": Dear(1.0, SignatureMismatchError()),
        "hasty": Dear(1.0, MissingSignatureError()),
        "dear": Dear(9.0, SignatureMismatchError()),
        "near": Dear(5.0, SignatureMismatchError()),
        "late": Dear(1.0, StaleTimestampError()),
    }
    one.inbox.configure(
        {
            name: Source(name=name, scheme=scheme, body_bytes_max=100)
            for name, scheme in schemes.items()
        }
    )
    answers = []
    one.inbox.submit(source, [], b"x" * 9, answers.append)
    assert answers == [UNAUTHORIZED]
    done = [(name, *each) for name, scheme in schemes.items() for each in scheme.looked_at]
    assert sorted(done) == work


def test_a_defect_of_the_dearest_scheme_spoils_no_refusal_of_another(rig):
    one = rig()
    defect = Dear(9.0, ZeroDivisionError())
    one.inbox.configure({"dear": Source(name="dear", scheme=defect, body_bytes_max=1)})
    answers = []
    one.inbox.submit("nobody", [], b"{}", answers.append)
    assert answers == [UNAUTHORIZED]


def test_without_any_source_there_is_nothing_to_hide(rig):
    one = rig()
    one.inbox.configure({})
    answers = []
    one.inbox.submit("nobody", [], b"{}", answers.append)
    assert answers == [UNAUTHORIZED]
    assert one.inbox.body_bytes_max == BODY_BYTES_MAX
    assert Sources({})["nobody"].scheme.decoy(now=0) == ()


def test_a_handshake_is_answered_as_the_vendor_wants_and_nothing_is_stored(rig):
    reply = Reply(status=204, headers=((b"x-challenge", b"1"),), body=b"")
    one = scripted(rig, Verified(reply=reply))

    async def scenario():
        return await one.submit("custom", [], b"{}")

    answer = one.play(scenario)
    assert (answer.status, answer.headers, answer.body) == (204, ((b"x-challenge", b"1"),), b"")
    assert events(one) == []


@pytest.mark.parametrize("ids", [("e1",), ("e1", "e2")])
def test_an_event_is_answered_as_the_vendor_wants_once_it_is_stored(rig, ids):
    found = tuple(Notification(id=one, type="paid") for one in ids)
    one = scripted(rig, Verified(events=found, heard=Reply(status=204)))

    async def scenario():
        return await one.submit("custom", [], b"{}"), await one.submit("custom", [], b"x" * 101)

    stored, too_large = one.play(scenario)
    assert (stored.status, stored.headers, stored.body) == (204, (), b"")
    assert too_large == TOO_LARGE
    assert {event.vendor_id for event in events(one)} == set(ids)


def batch(*ids):
    return Verified(events=tuple(Notification(id=one, type="paid") for one in ids))


def test_a_batch_is_acknowledged_once_all_of_it_is_stored(rig):
    one = scripted(rig, batch("a", "b", "c"))

    async def scenario():
        return await one.submit("custom", [("Content-Type", "application/json")], b"[1, 2, 3]")

    assert one.play(scenario) == STORED
    assert sorted(event.vendor_id for event in events(one)) == ["a", "b", "c"]


def test_an_event_of_a_batch_has_its_own_part_and_is_the_same_in_other_company(rig):
    def listed(*ids):
        return Verified(
            events=tuple(
                Notification(id=one, type="paid", body=b"of %b" % one.encode()) for one in ids
            )
        )

    one = scripted(rig, None)
    scheme = one.inbox._sources["custom"].scheme

    async def scenario():
        for ids in ("ab", "bc"):
            scheme.found = listed(*ids)
            assert await one.submit("custom", [], ids.encode()) == STORED

    one.play(scenario)
    assert [(e.vendor_id, e.stored) for e in told(one, EventReceived)] == [
        ("a", Stored.NEW),
        ("b", Stored.NEW),
        ("b", Stored.DUPLICATE),
        ("c", Stored.NEW),
    ]
    for stored in events(one):
        (view,) = one.read(lambda reader, stored=stored: reader.event(stored.id))
        assert view.body == b"of %b" % stored.vendor_id.encode()


def test_a_batch_of_which_one_event_could_not_be_stored_comes_again(rig):
    one = scripted(rig, batch("a", "b", "c"))
    accept = one.faults._accept

    def flaky(event, done):
        if event.vendor_id == "b" and one.faults.calls["b"] == 0:
            one.faults.calls["b"] += 1
            raise StoreUnavailableError
        accept(event, done)

    one.faults._accept = flaky

    async def scenario():
        return [await one.submit("custom", [], b"[]") for _ in range(2)]

    assert one.play(scenario) == [UNAVAILABLE, STORED]
    assert sorted(event.vendor_id for event in events(one)) == ["a", "b", "c"]


def test_an_odd_event_of_a_batch_is_quarantined_by_itself_and_the_others_are_handled(rig):
    good = [Notification(id=one, type="paid", body=one.encode()) for one in "ac"]
    odd = Notification(id="", type="", body=b"odd", malformed="it is odd")
    nameless = Notification(id="", type="paid", body=b"nameless")
    one = scripted(rig, Verified(events=(good[0], odd, good[1], nameless)))

    @one.on("paid", source="custom")
    async def handler(event, job):
        pass

    async def scenario():
        answers = [await one.submit("custom", [], b"[]") for _ in range(2)]
        await one.until(lambda: len(one.attempts()) == 3)
        return answers

    assert one.play(scenario) == [STORED, STORED]
    states = sorted((event.vendor_id or "", event.state) for event in events(one))
    assert states == [
        ("", State.DONE),
        ("", State.QUARANTINED),
        ("a", State.DONE),
        ("c", State.DONE),
    ]


def test_a_large_batch_goes_some_at_a_time_and_a_repeat_continues_it(rig):
    """More events than may wait at once were never acknowledged, however often they came."""
    many = 3 * EVENTS_AT_ONCE + 1
    one = scripted(rig, batch(*(f"evt_{number}" for number in range(many))))
    waiting, most = set(), 0
    accept = one.faults._accept
    full = [f"evt_{2 * EVENTS_AT_ONCE}"]  # the store is full when the third lot begins, once

    def watched(event, done):
        nonlocal most
        if event.vendor_id in full:
            full.clear()
            raise StoreUnavailableError
        waiting.add(event.id)
        most = max(most, len(waiting))
        accept(event, lambda result: (waiting.discard(event.id), done(result)))

    one.faults._accept = watched

    async def scenario():
        refused = await one.submit("custom", [], b"[]")
        stored = len(one.read(lambda reader: reader.events(limit=10_000)))
        return refused, stored, await one.submit("custom", [], b"[]")

    refused, stored, answer = one.play(scenario)
    assert (refused, answer) == (UNAVAILABLE, STORED)
    assert stored == 3 * EVENTS_AT_ONCE - 1
    assert most <= EVENTS_AT_ONCE
    ids = [event.vendor_id for event in one.read(lambda reader: reader.events(limit=10_000))]
    assert len(ids) == len(set(ids)) == many


def test_an_asserted_id_cannot_defeat_dedupe(rig):
    """Promise 3: the body again under a new delivery id is stored apart and handled by nobody."""
    one = rig()

    @one.on("push", source="code")
    async def deploy(event, job):
        pass

    async def scenario():
        body = b'{"ref": "main"}'
        _, headers, _ = signed(one, body, "code")
        again = [(name, value.replace("delivery-1", "delivery-2")) for name, value in headers]
        answers = [await one.submit("code", headers, body), await one.submit("code", again, body)]
        await one.until(one.attempts)
        return answers

    assert one.play(scenario) == [STORED, STORED]
    assert sorted((e.vendor_id, e.state) for e in events(one)) == [
        ("delivery-1", State.DONE),
        ("delivery-2", State.QUARANTINED),
    ]
    assert len(one.attempts()) == 1


def test_forms_that_share_one_signature_are_handled_once(rig):
    """Twilio signs names and values with nothing between them: one callback has many readings."""
    one = rig()
    texts = scheme("twilio", secrets=["12345"], url="https://shop.example/webhooks/texts")
    one.inbox.configure({"texts": Source(name="texts", scheme=texts, body_bytes_max=1000)})
    readings = [
        b"MessageSid=SM1&MessageStatus=sent",
        b"MessageStatus=sent&MessageSid=SM1",
        b"MessageSid=SM1&MessageStatu=ssent",
        b"MessageSi=dSM1&MessageStatus=sent",
        b"MessageSidSM1MessageStatus=sent",
        b"MessageSid=SM1MessageStatussent",
    ]

    @one.on("*", source="texts", name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        signed = texts.sign(readings[0], now=0, event_id="t-1", event_type="")
        answers = []
        for number, body in enumerate(readings * 2):
            others = [pair for pair in signed if pair[0] != "I-Twilio-Idempotency-Token"]
            token = ("I-Twilio-Idempotency-Token", f"t-{number}")
            answers.append(await one.submit("texts", [*others, token], body))
        await one.until(one.attempts)
        return answers

    assert {answer.status for answer in one.play(scenario)} == {200}
    assert len(one.attempts()) == 1
    (handled,) = [event for event in events(one) if event.state is State.DONE]
    assert (handled.vendor_id, handled.type) == ("SM1:sent", "message.sent")
    assert {event.state for event in events(one)} == {State.DONE, State.QUARANTINED}


def test_an_event_of_the_empty_type_is_handled_by_whoever_wants_all(rig):
    one = rig()
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    bound = scheme("standard", secrets=[secret])
    one.inbox.configure({"custom": Source(name="custom", scheme=bound, body_bytes_max=1000)})

    @one.on("*", source="custom", name="all")
    async def handler(event, job):
        assert event.type == ""
        assert event.body == b"<event/>"

    @one.on("order.*", source="custom", name="orders")
    async def orders(event, job):
        pass

    async def scenario():
        signed = bound.sign(b"<event/>", now=one.clock.now(), event_id="msg_1", event_type="")
        answer = await one.submit("custom", signed, b"<event/>")
        await one.until(one.attempts)
        return answer

    assert one.play(scenario) == STORED
    assert [(attempt.handler, attempt.outcome) for attempt in one.attempts()] == [("all", "done")]


def test_both_lines_of_the_log_carry_the_correlation_id_and_the_event(rig):
    one = rig()

    @one.on(name="handler")
    async def handler(event, job):
        pass

    async def scenario():
        source, headers, body = signed(one, b'{"id": "evt_1", "type": "paid"}')
        await one.submit(source, [*headers, ("X-Request-Id", "req-7")], body)
        await one.until(one.attempts)

    one.play(scenario)
    (received,), (attempt,) = told(one, EventReceived), told(one, HandlerFinished)
    assert (received.correlation_id, received.event_id) == ("req-7", attempt.event_id)
    assert attempt.correlation_id == "req-7"
    assert received.severity == attempt.severity == "info"
    assert received.body_bytes == len(b'{"id": "evt_1", "type": "paid"}')


def test_a_source_that_is_no_longer_configured_is_unknown(rig):
    one = rig()

    async def scenario():
        request = signed(one, b'{"id": "evt_1", "type": "paid"}')
        one.inbox.configure({})
        return await one.submit(*request)

    assert one.play(scenario) == UNAUTHORIZED


def test_the_stored_hash_is_of_the_raw_body(rig):
    one, body = rig(), b'{"id":"evt_1","type":"paid"}\n'

    async def scenario():
        await one.submit(*signed(one, body))

    one.play(scenario)
    (view,) = one.read(lambda reader: reader.event("evt_1"))
    assert view.body_sha256 == hashlib.sha256(body).hexdigest()
    assert msgspec.json.decode(view.body)["id"] == "evt_1"


def test_without_listeners_events_are_stored_all_the_same(rig):
    one = rig(listeners=Listeners())

    async def scenario():
        return await one.deliver()

    assert one.play(scenario) == STORED
    assert len(events(one)) == 1
