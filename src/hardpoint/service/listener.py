"""One listening socket: bound before anything else starts, drained softly at the end."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, final

from uvicorn.config import Config

from hardpoint.service.connection import GuardedProtocol
from hardpoint.service.guard import IngressGuard
from hardpoint.service.sockets import BACKLOG, url_of

DRAIN_STEP_SECONDS = 0.02


def application(app: Any) -> Config:
    """Settings of uvicorn for an ASGI application behind a `GuardedProtocol`."""
    config = Config(
        app,
        interface="asgi3",
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


@final
class ListeningSocket:
    """Accepts connections on a socket.

    Args:
        sock: bound and listening.
        guard: shared by its connections.
        connect: makes the protocol of a new connection.

    Attributes:
        url: where it listens, with the actual port.
    """

    def __init__(
        self, sock: socket.socket, guard: IngressGuard, connect: Callable[[], GuardedProtocol]
    ) -> None:
        self.url = url_of(sock)
        self.guard = guard
        self._sock = sock
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Accept from now on."""
        loop = asyncio.get_running_loop()
        unix = self._sock.family == socket.AF_UNIX
        create = loop.create_unix_server if unix else loop.create_server
        self._server = await create(self._connect, sock=self._sock, backlog=BACKLOG)
        self._tick(loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = loop.call_later(self.guard.limits.sweep_seconds, self._tick, loop)
        self.guard.sweep()

    async def drain(self, *, soft: float, limit: float) -> int:
        """Stop without cutting off anyone who is being served.

        For `soft` seconds connections are still taken and served, and told that each answer is
        their last: a client hears of the end before its next request, not in the middle of it.

        Args:
            soft: seconds; it ends early when no connection is left.
            limit: seconds for the whole.

        Returns:
            How many connections had to be cut off.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.guard.draining = True
        while self.guard.connections and (spent := loop.time() - begun) < limit:
            if spent > soft * 0.8:  # who was let in at the last moment has the rest to speak up
                self.close()
            if spent > soft:
                for connection in tuple(self.guard.connections):
                    connection.shutdown()
            await asyncio.sleep(DRAIN_STEP_SECONDS)
        self.close()
        left = tuple(self.guard.connections)
        for connection in left:
            connection.transport.abort()
        if self._sweep is not None:
            self._sweep.cancel()
        return len(left)

    def close(self) -> None:
        """Accept no more, at once."""
        if self._server is not None:
            self._server.close()
        self._sock.close()
