"""The asynchronous shell over httpx2: the effect suspends while it waits."""

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Self, final

import httpx2

from hardpoint.http.edge import FAILURES, Body, no_answer, outgoing, pool, tls, too_slow
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response
from hardpoint.resilience.timeout import remaining

_DEFAULT = Limits()


@final
class AsyncTransport:
    """Sends requests over a pool of connections. After `close` it can be used anew.

    It belongs to the event loop that uses it first, until it is closed.

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
        self._opening: asyncio.Task[httpx2.AsyncHTTPTransport] | None = None

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        if self._limits.exchange is None:
            return await self._exchange(request)
        try:
            async with asyncio.timeout(self._limits.exchange):
                return await self._exchange(request)
        except TimeoutError as error:
            raise too_slow(request) from error

    async def _exchange(self, request: Request) -> Response:
        try:
            sent = outgoing(request, self._limits, self._remaining())
            wire = await self._opened()
            answer = await wire.handle_async_request(sent)
            try:
                body = Body(answer, request, self._limits, inf)
                async for chunk in answer.aiter_raw():
                    if body.full(chunk):
                        break
            finally:
                await answer.aclose()
        except FAILURES as error:
            failure = no_answer(error, request)
        else:
            return body.response()
        try:
            raise failure  # out here, where the error of httpx2 does not follow it by itself
        finally:
            del failure

    async def close(self) -> None:
        """Close every connection."""
        opening, self._opening = self._opening, None
        if opening is not None:
            await (await opening).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _opened(self) -> httpx2.AsyncHTTPTransport:
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        if self._opening.done():
            return self._opening.result()
        return await asyncio.shield(self._opening)

    def _open(self) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=tls(), trust_env=False, limits=pool(self._limits))
