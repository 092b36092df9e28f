"""One listening socket: bound before anything else starts, drained softly at the end."""

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, final

from uvicorn.config import Config

from hardpoint.core.errors import ConfigurationError
from hardpoint.service.connection import GuardedProtocol
from hardpoint.service.guard import Guard

BACKLOG = 2048
PORT_MAX = 65535
DRAIN_STEP_SECONDS = 0.02


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int, *, key: str) -> socket.socket:
    """A listening socket.

    Args:
        host: a name or an address.
        port: 0 takes a free one.
        key: the setting that the port comes from, for the error.

    Raises:
        ConfigurationError: the port is in use, not ours to take, or the host is not of this
            machine.
    """
    if not 0 <= port <= PORT_MAX:
        raise ConfigurationError(key, f"{port} is not a port", fix=f"Choose one up to {PORT_MAX}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem, fix = "is in use", f"Stop the process that has it, or choose another {key}"
        else:
            problem, fix = f"cannot be opened ({error.strerror})", None
        raise ConfigurationError(key, f"{host}:{port} {problem}", fix=fix) from None


def url_of(sock: socket.socket) -> str:
    """Where a socket listens, with the actual port."""
    host, port, *_ = sock.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
class Listener:
    """Accepts connections on a socket.

    Args:
        sock: bound and listening.
        guard: shared by its connections.
        connect: makes the protocol of a new connection.

    Attributes:
        url: where it listens, with the actual port.
    """

    def __init__(
        self, sock: socket.socket, guard: Guard, connect: Callable[[], GuardedProtocol]
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
        self._server = await loop.create_server(self._connect, sock=self._sock, backlog=BACKLOG)
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
