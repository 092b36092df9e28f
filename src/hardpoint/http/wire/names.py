"""Names to addresses, in a bounded time.

`getaddrinfo` knows no time-out and cannot be stopped. So it runs in a thread of its own, and who
asks waits as long as they may. All who ask for the same name at a time share one look-up: at most
one thread hangs for each name.
"""

import asyncio
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any, TypeAlias

from hardpoint.core.forks import forget_in_child
from hardpoint.http.wire.aside import aside, told

ResolvedAddress: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""As `getaddrinfo` gives it: family, type, protocol, name, and what a socket connects to."""

_under_way: "dict[tuple[str, int], Future[Sequence[ResolvedAddress]]]" = {}


def literal(addresses: Sequence[str], port: int) -> list[ResolvedAddress]:
    """Addresses that need no look-up.

    Raises:
        ValueError: one is none.
    """
    found: list[ResolvedAddress] = []
    for one in addresses:
        family = socket.AF_INET if ip_address(one).version == 4 else socket.AF_INET6
        found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port)))
    return found


async def look_up(host: str, port: int, seconds: float) -> Sequence[ResolvedAddress]:
    """A name's addresses, without blocking the event loop.

    Raises:
        OSError: it has none, or is no name at all; a `TimeoutError` if nobody said in time.
    """
    async with asyncio.timeout(seconds):
        return await told(_asked(host, port))


def look_up_blocking(host: str, port: int, seconds: float) -> Sequence[ResolvedAddress]:
    """The same, blocking this thread."""
    return _asked(host, port).result(seconds)


def _asked(host: str, port: int) -> "Future[Sequence[ResolvedAddress]]":
    key = (host, port)
    with _threads.lock:
        asked = _under_way.get(key)
        if asked is None:
            asked = _under_way[key] = aside("hardpoint-dns", lambda: _ask(host, port))
            asked.add_done_callback(lambda _: _under_way.pop(key, None))
    return asked


def _ask(host: str, port: int) -> Sequence[ResolvedAddress]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:  # a label too long
        raise OSError(str(error)) from None


class _Threads:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def forget(self) -> None:
        """The threads are the parent's, and so is who holds the lock."""
        self.lock = threading.Lock()
        _under_way.clear()


_threads = _Threads()
forget_in_child(_threads)
