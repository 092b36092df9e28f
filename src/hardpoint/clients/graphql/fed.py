"""Subscriptions of the fake: what a test sends goes to all who subscribe, in either protocol."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from hardpoint.fakes.events import FakeEvents
from hardpoint.fakes.messages import FakeReply, Received

if TYPE_CHECKING:
    from hardpoint.fakes.sockets import FakeSocket  # needs the extra `websocket`

WAIT_SECONDS: Final = 10.0


@final
class FakeSubscription:
    """One subscription, by the name of its operation.

    Attributes:
        asked: the variables of each who subscribed, in order.
    """

    def __init__(self, begin: "Callable[[FakeSubscription, Mapping[str, Any]], object]") -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._begin = begin
        self._changed = threading.Condition()
        self._events = FakeEvents(resumes=False)
        self._sockets: list[tuple[FakeSocket, str]] = []

    def send(self, data: Any, *, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        """One result."""
        result: dict[str, Any] = {"data": data}
        if errors:
            result["errors"] = [*errors]
        self._tell("next", result)

    def refuse(self, message: str) -> None:
        """End it with an error."""
        self._tell("error", [{"message": message}])

    def complete(self) -> None:
        """End it in good order."""
        self._tell("complete", None)

    def drop(self) -> None:
        """Reset every connection."""
        self._events.drop()
        sockets, self._sockets = self._sockets, []
        for socket, _ in sockets:
            socket.drop()

    def wait_for(self, subscribers: int, timeout: float = WAIT_SECONDS) -> None:
        """Wait until so many have subscribed, all together.

        Raises:
            TimeoutError: they have not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.asked) >= subscribers, timeout):
                raise TimeoutError(f"{len(self.asked)} subscribers of {subscribers}")

    def reply(self, request: Received, variables: Mapping[str, Any]) -> FakeReply:
        """Somebody subscribes by server-sent events."""
        reply = self._events.reply(request)
        self._subscribed(variables)
        return reply

    def take(self, socket: "FakeSocket", number: str, variables: Mapping[str, Any]) -> None:
        """Somebody subscribes over a WebSocket."""
        self._sockets.append((socket, number))
        self._subscribed(variables)

    def _subscribed(self, variables: Mapping[str, Any]) -> None:
        with self._changed:
            self.asked.append(variables)
            self._changed.notify_all()
        self._begin(self, variables)

    def _tell(self, kind: str, payload: Any) -> None:
        text = "" if payload is None else msgspec.json.encode(payload).decode()
        self._events.send(text, event=kind)
        for socket, number in self._sockets:
            said = {"id": number, "type": kind}
            if payload is not None:
                said["payload"] = payload
            socket.send(msgspec.json.encode(said).decode())
