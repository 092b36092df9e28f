"""Names to addresses, in a bounded time.

`getaddrinfo` knows no time-out and cannot be stopped. So it runs in threads of our own, and who
asks waits as long as they may. All who ask for the same name at a time share one look-up. At most
`LOOK_UPS_MAX` run at a time: where all of them hang, who comes next waits in a queue, no longer
than they may either. A look-up that hangs is not waited for by those who come much later: they have
another one, ever more rarely, since the thread of each may be gone for good. Names that strangers
chose have threads and a queue of their own, so that none of theirs can hold up a vendor's.
"""

import asyncio
import socket
import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from ipaddress import ip_address
from time import monotonic
from typing import Any, TypeAlias, final

from hardpoint.core.forks import forget_in_child
from hardpoint.http.wire.aside import told

LOOK_UPS_MAX = 64
"""Names that are looked up at a time in a process, each in a thread; and as many of strangers."""

LOOK_UP_SHARED_SECONDS = 10.0
"""How long a look-up may take before who comes next has one of their own; doubled each time."""

ResolvedAddress: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""As `getaddrinfo` gives it: family, type, protocol, name, and what a socket connects to."""
_Name: TypeAlias = tuple[str, int]


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


async def look_up(
    host: str, port: int, seconds: float, *, trusted: bool = True
) -> Sequence[ResolvedAddress]:
    """A name's addresses, without blocking the event loop.

    Args:
        host: the name.
        port: to connect to.
        seconds: how long it may take.
        trusted: whether it is we who chose the name.

    Raises:
        OSError: it has none, or is no name at all; a `TimeoutError` if nobody said in time.
    """
    with (_look_ups if trusted else _of_strangers).asked((host, port)) as found:
        async with asyncio.timeout(seconds):
            return await told(found)


def look_up_blocking(
    host: str, port: int, seconds: float, *, trusted: bool = True
) -> Sequence[ResolvedAddress]:
    """The same, blocking this thread."""
    with (_look_ups if trusted else _of_strangers).asked((host, port)) as found:
        return found.result(seconds)


@final
class _LookUp:
    def __init__(self, shared_seconds: float) -> None:
        self.found: Future[Sequence[ResolvedAddress]] = Future()
        self.shared_seconds = shared_seconds
        self.begun: float | None = None
        self.askers = 0

    @property
    def hangs(self) -> bool:
        return self.begun is not None and monotonic() - self.begun > self.shared_seconds


@final
class _LookUps:
    """Those of this process."""

    def __init__(self) -> None:
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """This is a child process: the threads are the parent's, and so is who holds the lock."""
        self._lock = threading.RLock()  # a signal's handler may ask as well
        self._in_flight: dict[_Name, _LookUp] = {}
        self._queued: OrderedDict[_Name, _LookUp] = OrderedDict()
        self._threads: set[threading.Thread] = set()
        self._busy: set[threading.Thread] = set()

    @contextmanager
    def asked(self, name: _Name) -> Generator["Future[Sequence[ResolvedAddress]]"]:
        """The look-up of a name: begun, queued or another's. Its last asker takes it off the queue.

        Raises:
            OSError: the system has no thread for it.
        """
        with self._lock:
            one = self._in_flight.get(name)
            if one is None or one.hangs:
                seconds = one.shared_seconds * 2 if one else LOOK_UP_SHARED_SECONDS
                one = self._in_flight[name] = self._queued[name] = _LookUp(seconds)
            one.askers += 1
        try:
            with self._lock:
                if name in self._queued:
                    self._help()
            yield one.found
        finally:
            with self._lock:
                one.askers -= 1
                if not one.askers and self._queued.get(name) is one:
                    del self._queued[name]
                    self._done(name, one)

    def _help(self) -> None:
        """One more thread, if one is wanted and there may be one."""
        self._threads = {one for one in self._threads if one.is_alive()}  # a start can be cut short
        free = len(self._threads) - len(self._busy)
        if free >= len(self._queued) or len(self._threads) >= LOOK_UPS_MAX:
            return
        try:
            thread = threading.Thread(target=self._work, name="hardpoint-dns", daemon=True)
            self._threads.add(thread)
            thread.start()
        except RuntimeError as error:
            if not any(one.is_alive() for one in self._threads):  # else one of them does it
                raise OSError(str(error)) from error

    def _work(self) -> None:
        """Look up what is queued, until nothing is."""
        me = threading.current_thread()
        while True:
            with self._lock:
                self._busy.discard(me)
                if not self._queued:
                    self._threads.discard(me)
                    return
                name, one = self._queued.popitem(last=False)
                self._busy.add(me)
                one.begun = monotonic()
            try:
                found = socket.getaddrinfo(*name, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            except BaseException as error:  # noqa: BLE001 - told to whoever asks
                self._done(name, one)
                one.found.set_exception(
                    OSError(str(error)) if isinstance(error, UnicodeError) else error
                )
            else:
                self._done(name, one)
                one.found.set_result(found)

    def _done(self, name: _Name, one: _LookUp) -> None:
        with self._lock:
            if self._in_flight.get(name) is one:
                del self._in_flight[name]


_look_ups = _LookUps()
_of_strangers = _LookUps()
