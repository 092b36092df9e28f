"""The asynchronous shell over httpx2: the effect suspends while it waits."""

from types import TracebackType
from typing import Self, final

import httpx2

from hardpoint.http.edge import answered, check_encoding, no_answer, outgoing, pool, tls, too_large
from hardpoint.http.limits import Limits, Remaining, no_deadline
from hardpoint.http.messages import Request, Response

_DEFAULT = Limits()


@final
class AsyncTransport:
    """Sends requests over a pool of connections that belongs to one event loop.

    Args:
        limits: its bounds.
        remaining: what the deadline of the running call leaves.
    """

    def __init__(self, limits: Limits = _DEFAULT, *, remaining: Remaining = no_deadline) -> None:
        self._limits = limits
        self._remaining = remaining
        self._wire = httpx2.AsyncHTTPTransport(verify=tls(), trust_env=False, limits=pool(limits))

    async def send(self, request: Request) -> Response:
        """Send it once; see `Transport.send` for what it raises."""
        try:
            sent = outgoing(request, self._limits, self._remaining())
            answer = await self._wire.handle_async_request(sent)
            try:
                check_encoding(answer, request)
                body = await self._read(answer, request)
            finally:
                await answer.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeEncodeError) as error:
            raise no_answer(error, request) from error
        return answered(answer, body)

    async def _read(self, answer: httpx2.Response, request: Request) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > self._limits.body_bytes_max:
                raise too_large(answer, request, self._limits)
        return bytes(body)

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
