"""What an adapter tells the scenarios about its library.

A method that is not overridden says that the library has no such part. Every adapter sets its
library up as its own documentation recommends; where an option avoids a defect, it is set.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, ClassVar, Literal

from bench.peers import wallclock
from bench.peers.verdict import NotOffered

Mode = Literal["async", "sync"]
Function = Callable[..., Any]
Guard = Callable[[Function], Function]
"""Puts one function under protection."""


class Boom(Exception):  # noqa: N818 - what the third party answers with
    """The failure everybody is told to expect; may carry the seconds the server asks us to wait."""

    def __init__(self, hint: float = 0.0) -> None:
        super().__init__("the server failed")
        self.hint = hint


class Quirk(Exception):  # noqa: N818 - what the third party answers with
    """A failure nobody is told to expect."""


class Library:
    """One library under test. `failures` are consecutive; times are seconds."""

    name: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]]
    """What must be installed; the first names the column."""
    packages: ClassVar[tuple[str, ...]]
    """The import packages whose clock readings are moved with the wall clock."""
    modes: ClassVar[tuple[Mode, ...]] = ("async", "sync")
    rejected: type[BaseException] = NotOffered
    """What an open circuit raises."""
    timed_out: type[BaseException] = NotOffered
    refused: type[BaseException] = NotOffered
    """What it raises, on purpose, for a function that it cannot guard."""

    def version(self) -> str:
        return " + ".join(version(each) for each in self.distributions)

    # Time

    async def wait(self, seconds: float, mode: Mode) -> None:
        """Let time pass for the library."""
        if mode == "async":
            await asyncio.sleep(seconds)
        else:
            time.sleep(seconds)

    def monotonic(self) -> float:
        return time.monotonic()

    def wall_clock(self, seconds: float) -> AbstractContextManager[None]:
        """Inside, the wall clock shows that many seconds more."""
        return wallclock.moved(seconds, self.packages)

    # Parts

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        """A fresh breaker in each public form; counts `Boom` and nothing else."""
        raise NotOffered("no breaker")

    def reopens_in(self, guard: Guard, rejection: BaseException) -> float:
        """Seconds until an open circuit will try again, as the library reports it."""
        raise NotOffered("does not say when it tries again")

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        """Retries `Boom` without delay."""
        raise NotOffered("no retry")

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        """Retries everything but `error`: three attempts, no delay."""
        raise NotOffered("no negated predicate")

    def retry_within(self, mode: Mode, seconds: float) -> Guard:
        """Retries `Boom` without delay, three attempts, at most so long in all."""
        raise NotOffered("no limit on the whole call")

    def stack(self, mode: Mode) -> Guard:
        """Four attempts, 20 ms apart, on any exception, around a breaker that one failure opens."""
        raise NotOffered("no retry")

    def reports(self, mode: Mode) -> tuple[Guard, Callable[[], int]]:
        """A retrier (three attempts), and how many attempts it says the call just ended took."""
        raise NotOffered("reports nothing about a call")

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        """The wait after each of so many errors that carry the server's `hint`, jitter on."""
        raise NotOffered("no Retry-After")

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        """So many waits of an exponential backoff with jitter that has reached its cap."""
        raise NotOffered("no backoff")

    def timeouts(self, seconds: float) -> Iterator[tuple[str, Guard]]:
        """A time limit on async functions, in each public form."""
        raise NotOffered("no timeout")

    def blocking_timeout(self, seconds: float) -> Guard:
        """A time limit on plain functions."""
        raise NotOffered("no timeout")

    def bulkheads(self, slots: int, queue: int) -> Iterator[tuple[str, Guard]]:
        """So many async calls at a time and so many waiting, in each public form."""
        raise NotOffered("no bulkhead")

    def shared(self, mode: Mode) -> tuple[Guard, Callable[[], int]]:
        """A breaker with shared state; how many commands its store got on the calling thread."""
        raise NotOffered("no shared state")

    async def hedged_bodies(self) -> list[object]:
        """The request body each of two hedged attempts was handed."""
        raise NotOffered("no hedging")
