"""What bounds the connections of one listener: limits, one clock for all, a drain."""

from asyncio import Transport
from email.utils import formatdate
from typing import Protocol, cast, final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from hardpoint.core.correlation import HEADER
from hardpoint.core.effects import Clock
from hardpoint.hub.asgi import HEADER_BYTES_MAX, HEADERS_MAX, complete_headers
from hardpoint.hub.bodies import BODIES_BYTES_MAX, BodyBudget
from hardpoint.webhooks.answers import Answer

_HEADER = HEADER.encode()
_WIRES_MAX = 64
"""Answers that are kept as they go over the wire."""


class IngressLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection, and all of them, may ask for.

    Attributes:
        headers: how many.
        header_bytes: of names, values and the target together.
        pipelined: requests that may wait behind the one being answered.
        connections: at a time; more are answered 503.
        bodies_bytes: of all bodies under way together; beyond it the oldest is answered 503.
        header_seconds: from a connection's opening, or a request's first byte, to its last header.
        body_seconds: for the whole body.
        idle_seconds: between requests; more than the 60 s after which common balancers hang up.
        linger_seconds: after the last answer.
        sweep_seconds: how often the times are looked at, and so how exact they are.
    """

    headers: int = HEADERS_MAX
    header_bytes: int = HEADER_BYTES_MAX
    pipelined: int = 64
    connections: int = 4096
    bodies_bytes: int = BODIES_BYTES_MAX
    header_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: float = 75
    linger_seconds: float = 2
    sweep_seconds: float = 1


class SourceTally(Protocol):
    """Counts a request that was refused; see `Receiver.refused`."""

    def __call__(self, source: str, reason: str) -> None:
        """Count one."""
        ...


class Guarded(Protocol):
    """A connection, as its guard sees it."""

    transport: Transport

    def expire(self) -> None:
        """Act on the time limits."""
        ...

    def shutdown(self) -> None:
        """Hang up if no request has begun."""
        ...


@final
class IngressGuard:
    """What the connections of one listener share.

    Attributes:
        now: steady time, as of the last sweep.
        draining: every answer from now on is its connection's last.
        bodies: the budget of all of them.
        state: what uvicorn keeps for a server.
    """

    def __init__(self, limits: IngressLimits, clock: Clock, *, refused: SourceTally) -> None:
        self.limits = limits
        self.refused = refused
        self.bodies = BodyBudget(limits.bodies_bytes)
        self.draining = False
        self.state = ServerState()
        self._clock = clock
        self._wires: tuple[dict[Answer, bytes], dict[Answer, bytes]] = ({}, {})
        self.sweep()

    @property
    def connections(self) -> set[Guarded]:
        """All that are open."""
        return cast("set[Guarded]", self.state.connections)

    def sweep(self) -> None:
        """Look at the clock, and at every connection's time limits."""
        self.now = self._clock.monotonic()
        date = formatdate(self._clock.now(), usegmt=True).encode()
        self.state.default_headers = [(b"date", date)]
        for wires in self._wires:
            wires.clear()
        for connection in tuple(self.connections):
            connection.expire()

    def wire(self, answer: Answer, *, last: bool) -> bytes:
        """An answer as it goes over the wire; after the `last` one a connection closes."""
        wires = self._wires[last]
        found = wires.get(answer)
        if found is None:
            if len(wires) >= _WIRES_MAX:  # replies differ; the usual answers are back at once
                wires.clear()
            found = wires[answer] = _encode(answer.to(None), self.state.default_headers, last=last)
        if not answer.request_id:
            return found
        start = found.index(b"\n") + 1
        return b"%b%b: %b\r\n%b" % (found[:start], _HEADER, answer.request_id, found[start:])


def _encode(answer: Answer, defaults: list[tuple[bytes, bytes]], *, last: bool) -> bytes:
    close = [(b"connection", b"close")] if last else []
    headers = [*defaults, *complete_headers(answer), *close]
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join((STATUS_LINE[answer.status], *lines, b"\r\n", answer.body))
