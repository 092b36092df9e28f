"""Any WebSocket: what users hold. Asynchronous only; a blocking script follows events by SSE."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, final

from hardpoint.calls.connection import Connection
from hardpoint.clients.reconnecting import SUBSCRIBED, Follow
from hardpoint.clients.websocket.driver import WebSocketDriver
from hardpoint.clients.websocket.following import Greeting, Locator, SocketStream
from hardpoint.clients.websocket.settings import Buffer

BUFFER: Final = Buffer()


@final
class WebSocketClient:
    """Follows a WebSocket through one connection of the configuration.

    Args:
        driver: the connection's.
        connection: its name, policy and runtime.
    """

    def __init__(self, driver: WebSocketDriver, connection: Connection) -> None:
        self.driver = driver
        self.connection = connection

    def connect(
        self,
        target: str | Callable[[], Awaitable[str]] = "/",
        *,
        on_open: Greeting | None = None,
        since: str | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        follow: Follow = SUBSCRIBED,
        buffer: Buffer = BUFFER,
    ) -> SocketStream:
        """A stream of messages: `async with feed.connect("/v1") as socket`.

        Each connection is opened under the policy, with the credentials of the moment, and greeted
        by `on_open`. One that breaks, that answers no ping, or that is silent for `follow.idle`
        seconds is followed by another. Where a point was acknowledged (`socket.ack`) `on_open` gets
        it, to ask for what comes after; else a `Gap` stands among the messages.

        Args:
            target: a path below the base URL; or a function that gives an address, asked before
                each connection.
            on_open: `async def subscribe(socket, since)`: says and hears what has to be, before
                messages are given; within the policy's time.
            since: the point to begin at, as an earlier stream's `point` said.
            headers: beside the connection's own.
            subprotocols: beside those of the settings.
            follow: how to wait, when to give up, the longest silence and the largest message.
            buffer: how many messages wait here while you work on one, and what happens to more.

        Raises (while iterating):
            UnexpectedResponseError: it was closed with a code that says not to come again.
            ProviderError, RejectedError, TimedOutError: it cannot be opened again.
        """
        address: Locator = target if callable(target) else _always(target)
        return SocketStream(
            self.driver,
            self.connection,
            address,
            on_open=on_open,
            since=since,
            headers=headers or {},
            subprotocols=subprotocols,
            follow=follow,
            buffer=buffer,
        )


def _always(target: str) -> Locator:
    async def address() -> str:
        return target

    return address
