"""Ids: UUIDv7 (RFC 9562), so that they sort by the time they were made."""

import os
import threading
import time
from collections.abc import Callable

from hardpoint.core.forks import forget_in_child


class Uuid7:
    """Makes UUIDv7 texts that rise strictly within a process; safe across threads.

    The 12 bits after the version count within one millisecond and start at random in its lower
    half; when they overflow, or the clock steps back, time is carried forward (RFC 9562, 6.2,
    method 1).
    """

    __slots__ = (
        "__weakref__",
        "_counter",
        "_entropy",
        "_lock",
        "_milliseconds",
        "_now",
        "_pool",
        "_used",
    )

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._now = now
        self._entropy = entropy
        self._milliseconds = 0
        self._counter = 0
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """A forked child draws chance of its own, or it would make its parent's ids again."""
        self._lock = threading.Lock()
        self._pool = b""
        self._used = 0

    def __call__(self) -> str:
        """The next id, 36 characters."""
        with self._lock:
            random = self._random()
            milliseconds = int(self._now() * 1000)
            if milliseconds > self._milliseconds:
                self._milliseconds = milliseconds
                self._counter = random >> 69
            else:
                self._counter += 1
                if self._counter > 0xFFF:
                    self._milliseconds += 1
                    self._counter = random >> 69
            high = (self._milliseconds << 16) | 0x7000 | self._counter
        low = (random & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _random(self) -> int:
        """80 bits of chance, drawn for many ids at a time.

        Each draw is a system call, and gives the interpreter's lock away.
        """
        if self._used >= len(self._pool):
            self._pool = self._entropy(_BYTES * _DRAWN)
            self._used = 0
        self._used += _BYTES
        return int.from_bytes(self._pool[self._used - _BYTES : self._used], "big")


_BYTES = 10
_DRAWN = 64


def routed(identifier: str, digest: bytes) -> str:
    """A UUIDv7 whose twelve highest bits after the variant are those of a hash.

    So an id alone tells which of several stores has what it names.
    """
    group = 0x8000 | slot_of_hash(digest) << 2 | (int(identifier[22], 16) & 3)
    return f"{identifier[:19]}{group:04x}{identifier[23:]}"


def slot_of(identifier: str) -> int:
    """The twelve bits that `routed` has put there."""
    return int(identifier[19:23], 16) >> 2 & 0xFFF


def slot_of_hash(digest: bytes) -> int:
    """The twelve highest bits of a hash."""
    return digest[0] << 4 | digest[1] >> 4
