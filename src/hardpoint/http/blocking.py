"""The blocking shell over httpx2: the effect waits, then returns; it never suspends."""

import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from types import TracebackType
from typing import Self, final

import httpx2

from hardpoint.http.edge import FAILURES, Body, no_answer, outgoing, pool, tls
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()


@final
class BlockingTransport:
    """Sends requests over a pool of connections that threads may share.

    After `close` it can be used anew.

    Args:
        limits: its bounds.
        remaining: seconds that the deadline of the running call leaves; None without one.
    """

    def __init__(
        self,
        limits: Limits = _DEFAULT,
        *,
        remaining: Callable[[], float | None] = remaining,
    ) -> None:
        self._limits = limits
        self._remaining = remaining
        self._wire: httpx2.HTTPTransport | None = None
        self._lock = threading.Lock()

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        exchange = self._limits.exchange
        until = inf if exchange is None else monotonic() + exchange
        try:
            sent = outgoing(request, self._limits, self._remaining())
            answer = (self._wire or self._opened()).handle_request(sent)
            try:
                body = Body(answer, request, self._limits, until)
                for chunk in answer.iter_raw():
                    if body.full(chunk):
                        break
            finally:
                answer.close()
        except FAILURES as error:
            failure = no_answer(error, request)
        else:
            return body.response()
        try:
            raise failure  # out here, where the error of httpx2 does not follow it by itself
        finally:
            del failure

    def close(self) -> None:
        """Close every connection."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> httpx2.HTTPTransport:
        with self._lock:
            if self._wire is None:
                self._wire = httpx2.HTTPTransport(
                    verify=tls(), trust_env=False, limits=pool(self._limits)
                )
            return self._wire
