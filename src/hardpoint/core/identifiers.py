"""Ids: UUIDv7 (RFC 9562), so that they sort by the time they were made."""

import os
import threading
import time
from collections.abc import Callable


class Uuid7:
    """Makes UUIDv7 texts that rise strictly within a process; safe across threads.

    The 12 bits after the version count within one millisecond and start at random in its lower
    half; when they overflow, or the clock steps back, time is carried forward (RFC 9562, 6.2,
    method 1).
    """

    __slots__ = ("_counter", "_entropy", "_lock", "_milliseconds", "_now")

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._now = now
        self._entropy = entropy
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._counter = 0

    def __call__(self) -> str:
        """The next id, 36 characters."""
        random = int.from_bytes(self._entropy(10), "big")
        with self._lock:
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


def milliseconds_of(identifier: str) -> int:
    """When a UUIDv7 was made, in Unix milliseconds."""
    return int(identifier[:8] + identifier[9:13], 16)
