"""What every driver of queues must do.

Inherit from `QueueConformance`, and say how the provider is reached and steered:

    class TestMine(QueueConformance):
        @pytest.fixture
        def subject(self, mode):
            return QueueSubject(mode, MyQueue(mode.transport(), settings), ...)

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import threading
from collections.abc import Sequence

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
    ProviderError,
)
from hardpoint.queues.driver import QueueCapability
from hardpoint.queues.types import QueueMessage, SentMessage
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.queue_subject import QueueRefusals, QueueSubject

__all__ = ["QueueConformance", "QueueSubject"]

ODD = "Grüße ✓ 漢字 \U0001f600 <&> \" ' \\ \t\n\r".encode()
BODIES = (b"hello", ODD, bytes(range(256)), b"\xff\xfe", b"\x00", b" ", b"\xef\xbf\xbf", b"aGk=")


class QueueConformance(QueueRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
    def test_a_message_arrives_as_it_was_sent(self, subject: QueueSubject, body: bytes) -> None:
        sent = subject.send(body)
        before = subject.requests()
        message = subject.one()
        assert subject.requests() == before + 1
        assert (message.id, message.body) == (sent.id, body)
        assert message.attempts in {1, None}
        assert "hello" not in repr(message)

    def test_an_empty_queue_gives_nothing(self, subject: QueueSubject) -> None:
        assert list(subject.receive()) == []

    @exercises(QueueCapability.ATTRIBUTES)
    def test_attributes_arrive(self, subject: QueueSubject) -> None:
        attributes = {"order": "17", "a.b_c-d": "Grüße <&>"}
        subject.send(attributes=attributes)
        received = subject.one().attributes
        assert {name: received[name] for name in attributes} == attributes

    def test_what_was_received_is_nobody_elses_until_it_is_given_back(
        self, subject: QueueSubject
    ) -> None:
        sent = subject.send()
        first = subject.one(hidden=60)
        assert list(subject.receive()) == []
        subject.do(subject.port.nack(first))
        again = subject.one()
        assert (again.id, again.body) == (sent.id, b"hello")
        assert again.attempts in {2, None}

    def test_what_is_given_back_with_a_delay_waits(self, subject: QueueSubject) -> None:
        subject.send()
        subject.do(subject.port.nack(subject.one(), delay=60))
        assert list(subject.receive()) == []

    def test_what_is_done_is_gone(self, subject: QueueSubject) -> None:
        subject.send()
        message = subject.one(hidden=60)
        subject.do(subject.port.ack(message))
        assert list(subject.receive()) == []

    def test_a_message_is_held_for_longer(self, subject: QueueSubject) -> None:
        subject.send()
        held = subject.do(subject.port.extend(subject.one(hidden=5), 60))
        assert list(subject.receive()) == []
        subject.do(subject.port.ack(held))

    def test_an_old_receipt_does_not_take_it_from_who_has_it_now(
        self, subject: QueueSubject
    ) -> None:
        subject.send()
        old = subject.one()
        subject.do(subject.port.nack(old))
        new = subject.one(hidden=60)
        if old.receipt != new.receipt:
            for verb in (lambda: subject.port.extend(old, 1), lambda: subject.port.nack(old)):
                try:
                    subject.do(verb())
                except (NotFoundError, PreconditionFailedError):
                    assert list(subject.receive()) == []
        subject.do(subject.port.ack(new))

    @exercises(QueueCapability.DELAY)
    def test_a_delayed_message_waits(self, subject: QueueSubject) -> None:
        subject.send(delay=60)
        assert list(subject.receive()) == []

    @exercises(QueueCapability.GROUPS)
    def test_a_group_comes_in_order_one_after_another(self, subject: QueueSubject) -> None:
        for number in range(3):
            subject.send(b"a%d" % number, group="a")
        subject.send(b"b0", group="b")
        seen: list[bytes] = []
        while found := subject.receive(most=1):
            for message in found:
                assert message.group in {"a", "b"}
                seen.append(message.body)
                subject.do(subject.port.ack(message))
        assert [one for one in seen if one.startswith(b"a")] == [b"a0", b"a1", b"a2"]
        assert b"b0" in seen

    @exercises(QueueCapability.GROUPS)
    def test_a_group_waits_while_one_of_it_is_in_hand(self, subject: QueueSubject) -> None:
        for body in (b"a0", b"a1"):
            subject.send(body, group="a")
        assert subject.one(most=1).body == b"a0"
        assert list(subject.receive()) == []

    def test_several_are_sent_and_each_is_told_of(self, subject: QueueSubject) -> None:
        bodies = [b"m%02d" % number for number in range(23)]
        results = subject.do(subject.port.send_many([subject.message(one) for one in bodies]))
        results.check()
        assert not results.failures
        assert all(isinstance(one, SentMessage) for one in results.outcomes)
        assert len({one.id for one in results.outcomes}) == len(bodies)
        assert sorted(self._drained(subject)) == bodies

    def test_one_that_is_refused_hides_none_of_the_others(self, subject: QueueSubject) -> None:
        if subject.unsendable is None:
            return
        messages = [subject.message(one) for one in (b"a", subject.unsendable, b"c")]
        results = subject.do(subject.port.send_many(messages))
        assert list(results.failures) == [1]
        with pytest.raises(ProviderError) as caught:
            results.check()
        assert any("1 of 3 failed" in note for note in caught.value.__notes__)
        assert sorted(self._drained(subject)) == [b"a", b"c"]

    def test_what_the_provider_refuses_is_named(self, subject: QueueSubject) -> None:
        if subject.unsendable is None:
            return
        with pytest.raises(InvalidRequestError) as caught:
            subject.send(subject.unsendable)
        assert caught.value.status is not None

    def test_a_key_sends_once_where_keys_are_honoured(self, subject: QueueSubject) -> None:
        for _ in range(2):
            subject.send(b"keyed", idempotency_key="order-17")
        honoured = subject.driver.capabilities.idempotency is not Idempotency.NONE
        assert len(self._drained(subject)) == (1 if honoured else 2)

    def test_many_under_one_key_are_sent_once_where_keys_are_honoured(
        self, subject: QueueSubject
    ) -> None:
        many = [subject.message(b"a"), subject.message(b"b")]
        for _ in range(2):
            subject.do(subject.port.send_many(many, idempotency_key="order-17")).check()
        honoured = subject.driver.capabilities.idempotency is not Idempotency.NONE
        assert len(self._drained(subject)) == (2 if honoured else 4)

    @exercises(QueueCapability.DEAD_LETTER)
    def test_what_is_put_aside_is_there_with_its_reason(self, subject: QueueSubject) -> None:
        subject.send(b"poison")
        subject.do(subject.port.dead_letter(subject.one(), "cannot be\nread"))
        assert list(subject.receive()) == []
        assert list(subject.dead()) == [(b"poison", "cannot be read")]

    def test_whoever_consumes_gets_each_and_leaves_nothing(self, subject: QueueSubject) -> None:
        bodies = {b"c%d" % number for number in range(7)}
        subject.do(subject.port.send_many([subject.message(one) for one in bodies])).check()
        stop, seen = threading.Event(), set[bytes]()

        def handle(message: QueueMessage) -> None:
            seen.add(message.body)
            if seen == bodies:
                stop.set()

        subject.consume(handle, concurrency=3, stop=stop)
        assert seen == bodies
        assert list(subject.receive()) == []

    @exercises(QueueCapability.DEAD_LETTER)
    def test_poison_is_put_aside_by_whoever_consumes(self, subject: QueueSubject) -> None:
        subject.send(b"poison")
        stop = threading.Event()

        def handle(_: QueueMessage) -> None:
            stop.set()
            raise ValueError("cannot be read")

        subject.consume(handle, concurrency=1, attempts=1, stop=stop)
        ((body, reason),) = subject.dead()
        assert body == b"poison"
        assert "cannot be read" in reason

    def test_a_message_that_fails_comes_again(self, subject: QueueSubject) -> None:
        subject.send(b"once more")
        stop = threading.Event()

        def fail(_: QueueMessage) -> None:
            stop.set()
            raise ValueError("not now")

        subject.consume(fail, concurrency=1, attempts=9, stop=stop)
        stop.clear()
        seen: list[bytes] = []

        def handle(message: QueueMessage) -> None:
            seen.append(message.body)
            stop.set()

        subject.consume(handle, concurrency=1, stop=stop)
        assert seen == [b"once more"]

    def _drained(self, subject: QueueSubject) -> Sequence[bytes]:
        bodies: list[bytes] = []
        while found := subject.receive(most=subject.driver.capabilities.limits["receive_messages"]):
            for message in found:
                bodies.append(message.body)
                subject.do(subject.port.ack(message))
        return bodies
