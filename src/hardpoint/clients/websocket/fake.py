"""A WebSocket in the place of any: it says what a test says, and keeps what it heard.

def test_prices_are_followed(hardpoint_hub):
    feed = hardpoint_hub.fake("feed").app
    feed.on(lambda socket, message: socket.send('{"price": "1.05"}'))
    ...
    assert feed.received == ['{"subscribe": "prices"}']
"""

from collections.abc import Callable
from typing import Final, final

from hardpoint.clients.described import DESCRIBED
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.sockets import FakeSocket, Sockets

WAIT_SECONDS: Final = 10.0
Hearing = Callable[[FakeSocket, str | bytes], object]


@final
class FakeWebSocket:
    """A server of WebSockets that a test describes; it takes every connection.

    Attributes:
        received: every message, in order.
        refusal: what a handshake is answered with in place of a WebSocket, while it is set.
    """

    name = "websocket"
    facts = DESCRIBED

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.received: list[str | bytes] = []
        self.refusal: FakeReply | None = None
        self._sockets = Sockets()
        self._opening: Callable[[FakeSocket], object] = _nothing
        self._hearing: Hearing = _nothing

    @property
    def opened(self) -> list[FakeSocket]:
        """Every connection that was made, in order; each has its `request`."""
        return self._sockets.opened

    def on(
        self,
        message: Hearing | None = None,
        *,
        opened: Callable[[FakeSocket], object] | None = None,
    ) -> None:
        """Say what happens.

        Args:
            message: of a connection and a message that came over it.
            opened: of a new connection.
        """
        self._hearing = message or self._hearing
        self._opening = opened or self._opening

    def send(self, message: str | bytes) -> None:
        """Send it over every connection."""
        for socket in self._sockets.open:
            socket.send(message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close every connection in good order."""
        for socket in self._sockets.open:
            socket.close(code, reason)

    def drop(self) -> None:
        """Reset every connection."""
        for socket in self._sockets.open:
            socket.drop()

    def wait_for(
        self, connections: int = 0, *, messages: int = 0, timeout: float = WAIT_SECONDS
    ) -> None:
        """Wait until so many connections were made, and so many messages came.

        Raises:
            TimeoutError: they were not.
        """
        self._sockets.wait_for(
            lambda: len(self.opened) >= connections and len(self.received) >= messages, timeout
        )

    # For the server

    def answer(self, request: Received) -> FakeReply:
        """What is no handshake."""
        return FakeReply(status=426, headers=(("upgrade", "websocket"),))

    def visited(self, socket: FakeSocket) -> None:
        """See `SocketKeeper`."""
        self._sockets.add(socket)
        self._opening(socket)

    def heard(self, socket: FakeSocket, message: str | bytes) -> None:
        """See `SocketKeeper`."""
        self.received.append(message)
        self._hearing(socket, message)
        self._sockets.tell()

    def left(self, socket: FakeSocket) -> None:
        """See `SocketKeeper`."""
        self._sockets.remove(socket)


def _nothing(*_: object) -> None:
    pass
