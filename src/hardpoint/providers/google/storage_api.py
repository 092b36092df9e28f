"""Cloud Storage's JSON API: requests with a token, answers whole or as they come."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, final
from urllib.parse import quote, urlencode

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ProviderError
from hardpoint.http.auth import Authorization
from hardpoint.http.client import USER_AGENT
from hardpoint.http.messages import Request, Response, StreamedResponse, StreamingTransport
from hardpoint.providers.google.errors import ERRORS
from hardpoint.providers.google.wire import Refusal
from hardpoint.runtime.decoding_types import prepared

REFUSAL_BYTES = 64 * 1024
"""Room for a refusal in place of what was asked for."""

_Wire = TypeVar("_Wire")
_Pairs = Sequence[tuple[str, str]]


@final
class StorageApi:
    """One account's.

    Args:
        transport: how requests are sent.
        authorization: proves who sends them.
    """

    def __init__(self, transport: StreamingTransport, authorization: Authorization) -> None:
        self._transport = transport
        self._authorization = authorization

    async def send(
        self,
        method: str,
        url: str,
        *,
        query: _Pairs = (),
        headers: _Pairs = (),
        body: bytes = b"",
        success: Collection[int] = (200,),
    ) -> Response:
        """Send one request; its answer, if it is a good one.

        Raises:
            ProviderError: as the table has it.
        """
        request = await self._request(method, url, query, headers, body)
        reply = await self._transport.send(request)
        if reply.status in success:
            return reply
        raise await self._refused(request, reply)

    async def ask(
        self, method: str, url: str, kind: type[_Wire], *, query: _Pairs = (), document: object
    ) -> _Wire:
        """The same in JSON both ways; a document of None is no body."""
        if document is None:
            return self.read(await self.send(method, url, query=query), kind)
        body, headers = msgspec.json.encode(document), (("content-type", "application/json"),)
        return self.read(
            await self.send(method, url, query=query, headers=headers, body=body), kind
        )

    @asynccontextmanager
    async def stream(
        self, url: str, *, query: _Pairs, headers: _Pairs, bytes_max: int
    ) -> AsyncGenerator[StreamedResponse]:
        """The answer as it comes, `bytes_max` at most.

        Raises:
            ProviderError: as the table has it.
        """
        request = await self._request("GET", url, query, headers, b"")
        room = max(bytes_max, REFUSAL_BYTES)
        async with self._transport.stream(request, bytes_max=room) as reply:
            if reply.status in {200, 206}:
                yield reply
                return
            body = b"".join([some async for some in reply])
        whole = Response(status=reply.status, headers=reply.headers, body=body)
        raise await self._refused(request, whole)

    def read(self, reply: Response, kind: type[_Wire]) -> _Wire:
        """The body of a success.

        Raises:
            UnexpectedResponseError: it is not of that kind.
        """
        try:
            return msgspec.json.decode(reply.body, type=prepared(kind))
        except UNREADABLE as error:
            raise ERRORS.unreadable(reply) from error

    async def _request(
        self, method: str, url: str, query: _Pairs, headers: _Pairs, body: bytes
    ) -> Request:
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote, safe='')}"
        own = await self._authorization.headers()
        named = (("user-agent", USER_AGENT), *own, *headers)
        return Request(method=method, url=url, headers=named, body=body)

    async def _refused(self, request: Request, reply: Response) -> ProviderError:
        if reply.status == 401:
            await self._authorization.rejected(request.headers)
        try:
            said = msgspec.json.decode(reply.body, type=prepared(Refusal))
        except UNREADABLE:
            said = Refusal()
        return ERRORS.refusal(reply, said.problem(reply), self._authorization.secrets())
