"""Faults to order: scripted for the next requests, or drawn by chance from a seed.

    faults = Faults(seed=7)
    faults.next(status(503), times=2)
    faults.next(commit_then_drop(), on="POST /v1/payment_intents")
    faults.sometimes(0.1, latency(0.2))

The names are those of Toxiproxy and WireMock where these have one.
"""

import fnmatch
import random
import threading
from enum import Enum
from typing import final

import msgspec

from hardpoint.fakes.messages import JSON, FakeReply


class Break(Enum):
    """How an exchange breaks off."""

    CONNECT = "connect"
    """The connection is reset as soon as it is there."""
    HEADERS = "headers"
    """Reset when the request was read, before any byte of an answer."""
    MID_BODY = "mid_body"
    """Reset within the answer's body."""
    TRUNCATE = "truncate"
    """Closed in good order within the answer's body."""
    HANG = "hang"
    """No answer, ever."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault.

    Attributes:
        name: what it is called, where it is told of.
        acts: whether the vendor does what was asked, however the answer fares.
        delay: seconds before the answer.
        reply: what it answers instead.
        breaks: how the exchange breaks off, if it does.
    """

    name: str = "none"
    acts: bool = True
    delay: float = 0.0
    reply: FakeReply | None = None
    breaks: Break | None = None


def latency(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(name="latency", delay=seconds)


def status(code: int, *, body: bytes = b"{}", headers: tuple[tuple[str, str], ...] = ()) -> Fault:
    """A status, and nothing done."""
    reply = FakeReply(status=code, headers=(*JSON, *headers), body=body)
    return Fault(name="status", acts=False, reply=reply)


def rate_limit(retry_after: str | None = None) -> Fault:
    """429, with `Retry-After` as seconds or a date where given; nothing done."""
    headers = () if retry_after is None else (("retry-after", retry_after),)
    return msgspec.structs.replace(status(429, headers=headers), name="rate_limit")


def reset(where: str) -> Fault:
    """A TCP reset at `connect`, at `headers` (nothing done), or at `mid_body` (all done)."""
    at = Break(where)
    return Fault(name="reset", acts=at is Break.MID_BODY, breaks=at)


def hang() -> Fault:
    """No answer, and nothing done."""
    return Fault(name="hang", acts=False, breaks=Break.HANG)


def truncate() -> Fault:
    """Half of the right answer."""
    return Fault(name="truncate", breaks=Break.TRUNCATE)


def bad_json() -> Fault:
    """All done, but the answer is no JSON."""
    return Fault(name="bad_json", reply=FakeReply(headers=JSON, body=b'{"id": "'))


def html_500() -> Fault:
    """The error page of something in between; nothing done."""
    page = b"<html><body><h1>500 Internal Server Error</h1></body></html>"
    reply = FakeReply(status=500, headers=(("content-type", "text/html"),), body=page)
    return Fault(name="html_500", acts=False, reply=reply)


def commit_then_drop() -> Fault:
    """All done, and a reset in place of the answer: the one that finds double charges."""
    return Fault(name="commit_then_drop", breaks=Break.HEADERS)


class _Planned(msgspec.Struct):
    fault: Fault
    on: str
    left: int


@final
class Faults:
    """A plan: what goes wrong next. Safe to change from any thread while the fake serves.

    Args:
        seed: for what happens by chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._planned: list[_Planned] = []
        self._chances: list[tuple[float, Fault, str]] = []
        self._lock = threading.Lock()

    def next(self, fault: Fault, *, times: int = 1, on: str = "*") -> None:
        """Let it happen to the next requests, after what was planned before.

        Args:
            fault: what.
            times: to how many.
            on: only to those that match, `POST /v1/payment_intents*` (a glob over both).
        """
        with self._lock:
            self._planned.append(_Planned(fault, on, times))

    def sometimes(self, probability: float, fault: Fault, *, on: str = "*") -> None:
        """Let it happen by chance to requests that nothing is planned for."""
        with self._lock:
            self._chances.append((probability, fault, on))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._planned.clear()
            self._chances.clear()

    def connecting(self) -> bool:
        """Whether the connection that comes now is reset; takes that fault from the plan."""
        return self._take("*", connecting=True) is not None

    def take(self, method: str, path: str) -> Fault | None:
        """What happens to this request."""
        request = f"{method} {path}"
        fault = self._take(request, connecting=False)
        if fault is not None:
            return fault
        with self._lock:
            for probability, fault, on in self._chances:
                if fnmatch.fnmatchcase(request, on) and self._random.random() < probability:
                    return fault
        return None

    def _take(self, request: str, *, connecting: bool) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                wanted = (planned.fault.breaks is Break.CONNECT) is connecting
                if wanted and (connecting or fnmatch.fnmatchcase(request, planned.on)):
                    planned.left -= 1
                    if not planned.left:
                        self._planned.remove(planned)
                    return planned.fault
        return None
