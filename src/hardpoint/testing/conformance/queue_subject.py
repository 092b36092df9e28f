"""A driver of queues under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hardpoint.queues.api import Queue
from hardpoint.queues.driver import QueueCapability, QueueDriver
from hardpoint.queues.types import NewQueueMessage, QueueMessage
from hardpoint.sync.queues import Queue as BlockingQueue
from hardpoint.testing.conformance.modes import Mode
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

_MESSAGE = QueueMessage(id="m", body=b"hello", receipt="r")


def _send(body: Any = b"hello", **options: Any) -> PortVerb:
    return lambda port: port.send(body, **options)


def _many(*messages: Any) -> PortVerb:
    return lambda port: port.send_many(list(messages))


_REFUSED: dict[QueueCapability, PortVerb] = {
    QueueCapability.ATTRIBUTES: _send(attributes={"order": "17"}),
    QueueCapability.DELAY: _send(delay=1),
    QueueCapability.GROUPS: _send(group="order-17"),
    QueueCapability.DEAD_LETTER: lambda port: port.dead_letter(_MESSAGE, "a reason"),
}
_BAD: list[tuple[str, PortVerb]] = [
    ("body", _send("hello")),
    ("body", _send(b"")),
    ("body", _send(b"x" * (16 * 1024 * 1024))),
    ("messages", _many()),
    ("messages", lambda port: port.send_many(b"hello")),
    ("messages[0]", _many(b"hello")),
    ("messages[0].body", _many(NewQueueMessage(body=b""))),
    ("delay", _send(delay=-1)),
    ("delay", _send(delay=10**9)),
    ("delay", _send(delay=1.5)),
    *(("most", lambda port, most=most: port.receive(most=most)) for most in (0, -1, 10**6, True)),
    *(("wait", lambda port, wait=wait: port.receive(wait=wait)) for wait in (-1, 0.5, 10**9)),
    ("hidden", lambda port: port.receive(hidden=0)),
    ("hidden", lambda port: port.receive(hidden=10**9)),
    ("message", lambda port: port.ack("m")),
    ("message", lambda port: port.nack(None)),
    ("delay", lambda port: port.nack(_MESSAGE, delay=-1)),
    ("seconds", lambda port: port.extend(_MESSAGE, 0)),
    ("seconds", lambda port: port.extend(_MESSAGE, 10**9)),
    ("reason", lambda port: port.dead_letter(_MESSAGE, " ")),
    ("reason", lambda port: port.dead_letter(_MESSAGE, "x" * 1001)),
    ("handler", lambda port: port.consume("handler")),
    ("concurrency", lambda port: port.consume(print, concurrency=0)),
    ("attempts", lambda port: port.consume(print, attempts=0)),
    ("hidden", lambda port: port.consume(print, hidden=0)),
]
_BAD_ATTRIBUTES: list[tuple[str, Any]] = [
    ("attributes", ["order"]),
    ("attributes", {17: "a"}),
    ("attributes", {f"name-{place}": "a" for place in range(100)}),
    *((f"attributes[{name!r}]", {name: "a"}) for name in ("", ".a", "a.", "a..b", "a b", "ä")),
    *(("attributes['a']", {"a": value}) for value in ("", 17, None, "\0", "\ud800", "\x0c")),
]


class QueueSubject(PortSubject):
    """A driver under test, on an empty queue.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode.
        requests: how many requests reached the provider.
        dead: what was put aside so far: each body, and the reason.
        unsendable: a body that passes our checks and not the provider's, where there is one.
    """

    def __init__(
        self,
        mode: Mode,
        driver: QueueDriver,
        *,
        requests: Callable[[], int],
        dead: Callable[[], Sequence[tuple[bytes, str]]] = tuple,
        unsendable: bytes | None = None,
    ) -> None:
        super().__init__(mode, driver, Queue, BlockingQueue, name="jobs", requests=requests)
        self.dead = dead
        self.unsendable = unsendable
        self.blocking = isinstance(self.port, BlockingQueue)
        self._group = "group-1" if driver.needs_group else None

    def message(self, body: bytes, **options: Any) -> NewQueueMessage:
        """One to send, of the queue's kind."""
        asked: dict[str, Any] = {"group": self._group} | options
        return NewQueueMessage(body=body, **asked)

    def send(self, body: bytes = b"hello", **options: Any) -> Any:
        """Send one, of the queue's kind."""
        return self.do(self.port.send(body, **{"group": self._group} | options))

    def receive(self, **options: Any) -> Sequence[QueueMessage]:
        """Receive what is there."""
        return self.do(self.port.receive(**options))

    def one(self, **options: Any) -> QueueMessage:
        """Receive the one that is there."""
        (message,) = self.receive(**options)
        return message

    def consume(self, handle: Callable[[QueueMessage], None], **options: Any) -> None:
        """Consume until `stop` is set; a function of the mode's kind does what `handle` does."""

        async def handler(message: QueueMessage) -> None:
            handle(message)

        self.do(self.port.consume(handle if self.blocking else handler, grace=2.0, **options))


class QueueRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(QueueCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: QueueSubject, capability: QueueCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: QueueSubject, field: str, call: PortVerb
    ) -> None:
        if field == "delay" and QueueCapability.DELAY not in subject.driver.capabilities.flags:
            call = lambda port: port.nack(_MESSAGE, delay=10**9)  # noqa: E731
        refused(subject, field, call)

    @pytest.mark.parametrize(("field", "attributes"), _BAD_ATTRIBUTES)
    def test_bad_attributes_are_refused_before_any_request(
        self, subject: QueueSubject, field: str, attributes: Any
    ) -> None:
        if QueueCapability.ATTRIBUTES in subject.driver.capabilities.flags:
            refused(subject, field, _send(attributes=attributes))

    @pytest.mark.parametrize("group", ["", "a b", "x" * 129, "ä", 17])
    def test_a_bad_group_is_refused_before_any_request(
        self, subject: QueueSubject, group: Any
    ) -> None:
        if QueueCapability.GROUPS in subject.driver.capabilities.flags:
            refused(subject, "group", _send(group=group))

    def test_a_queue_that_keeps_orders_wants_a_group(self, subject: QueueSubject) -> None:
        if subject.driver.needs_group:
            refused(subject, "group", _send())
