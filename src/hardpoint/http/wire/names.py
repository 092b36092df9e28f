"""Names to addresses, in a bounded time.

`getaddrinfo` knows no time-out and cannot be stopped. So it runs in a thread of its own that nobody
waits for at exit; who asks waits as long as they may, and all who ask for the same name at a time
share one thread: at most one hangs for each name.
"""

import asyncio
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeAlias

from hardpoint.http.wire.forks import register

Address: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""As `getaddrinfo` gives it: family, type, protocol, name, and what a socket connects to."""

_under_way: dict[tuple[str, int], "Future[Sequence[Address]]"] = {}


def literal(addresses: Sequence[str], port: int) -> list[Address]:
    """Addresses that need no look-up."""
    found: list[Address] = []
    for one in addresses:
        family = socket.AF_INET if ip_address(one).version == 4 else socket.AF_INET6
        found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port)))
    return found


async def look_up(host: str, port: int, seconds: float) -> Sequence[Address]:
    """A name's addresses, without blocking the event loop.

    Raises:
        OSError: it has none, or is no name at all.
        TimeoutError: nobody said in time.
    """
    loop = asyncio.get_running_loop()
    told = loop.create_future()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # its loop is closed
            loop.call_soon_threadsafe(lambda: None if told.done() else told.set_result(None))

    asked = _asked(host, port)
    asked.add_done_callback(tell)
    async with asyncio.timeout(seconds):
        await told
    return asked.result()


def look_up_blocking(host: str, port: int, seconds: float) -> Sequence[Address]:
    """The same, blocking this thread."""
    return _asked(host, port).result(seconds)


def _asked(host: str, port: int) -> "Future[Sequence[Address]]":
    key = (host, port)
    asked = _under_way.get(key)
    if asked is None:
        asked = _under_way[key] = Future()
        threading.Thread(target=_ask, args=(key, asked), name="hardpoint-dns", daemon=True).start()
    return asked


def _ask(key: tuple[str, int], asked: "Future[Sequence[Address]]") -> None:
    found: list[Address] = []
    failure: BaseException | None = None
    try:
        found += socket.getaddrinfo(*key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:  # a label too long
        failure = OSError(str(error))
    except BaseException as error:  # noqa: BLE001 - told to whoever asked
        failure = error
    _under_way.pop(key, None)
    if failure is None:
        asked.set_result(found)
    else:
        asked.set_exception(failure)


class _Threads:
    def forked(self) -> None:
        """The threads are the parent's."""
        _under_way.clear()


_threads = _Threads()
register(_threads)
