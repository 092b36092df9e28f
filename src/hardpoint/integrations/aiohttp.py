"""aiohttp under a policy, and every SDK that takes a session of it.

    session = aiohttp.ClientSession(middlewares=[guarded(policy)])
    slack = AsyncWebClient(token, session=session)

The body of an answer is read after the attempt: what breaks there is not retried. What is repeated:
`hardpoint.calls.guarded`.
"""

import asyncio
from contextvars import ContextVar
from typing import Any, Final, final

import aiohttp
from aiohttp.base_protocol import BaseProtocol

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.guarded import GuardedClient
from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.guarded_request import GuardedRequest
from hardpoint.resilience.policy import Policy

__all__ = ["GuardedMiddleware", "guarded"]

_KIND: Final = ClientKind(
    base=aiohttp.ClientError,
    connection=aiohttp.ClientConnectionError,
    timeout=aiohttp.ServerTimeoutError,
    status="status",
)
_BAD: Final = 400


def guarded(policy: Policy[Any] | GuardedConnection) -> "GuardedMiddleware":
    """A client middleware that sends every request of a session under a policy.

    Args:
        policy: or what `hub.guard` gives. Its `key=` is asked with the request.

    Raises:
        ConfigurationError: the policy hedges or has a fallback.
    """
    return GuardedMiddleware(policy)


@final
class GuardedMiddleware:
    """What `guarded` gives. Give it last: a middleware after it is within each attempt."""

    def __init__(self, policy: Policy[Any] | GuardedConnection) -> None:
        self._client = GuardedClient(policy)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request; called by the session."""
        own_retry = _OwnRetry(request)
        own_retry.end()

        async def send() -> aiohttp.ClientResponse:
            response = await handler(request)
            if response.status >= _BAD:
                _refill(response, await response.read())
            return response

        body: Any = request.body
        plain = isinstance(body, bytes | aiohttp.BytesPayload)
        call = self._client.call(
            GuardedRequest(
                native=request,
                method=request.method,
                host=request.url.host or "",
                headers=request.headers,
                replayable=plain or isinstance(body, aiohttp.payload.IOBasePayload),
                content=lambda: (str(request.url), _bytes_of(body) if plain else b""),
            ),
            _KIND,
        )
        try:
            return await call.finish(send, _close)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            own_retry.expect(request, error)
            raise


_given_up: ContextVar[tuple[str, Any, Exception] | None] = ContextVar("given_up", default=None)
_REPEATED: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_NOT_REPEATED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@final
class _OwnRetry:
    """aiohttp sends a request once more by itself when a connection breaks under it.

    There is no public switch. It is switched off when a session is first seen; the call that is
    under way then comes a second time all the same, and ends as it had ended.
    """

    def __init__(self, request: aiohttp.ClientRequest) -> None:
        session: Any = request.session
        self._is_on = getattr(session, "_retry_connection", False) is True
        self._call = (request.method, request.url)
        if self._is_on:
            session._retry_connection = False

    def expect(self, request: aiohttp.ClientRequest, error: Exception) -> None:
        """The call has ended in this way; it may come again, at once and in the same task."""
        consumed = getattr(request.body, "consumed", False)
        comes = request.method in _REPEATED and not isinstance(error, _NOT_REPEATED)
        if self._is_on and comes and not consumed:
            _given_up.set((*self._call, error))

    def end(self) -> None:
        """End a call that came again."""
        given_up = _given_up.get()
        if given_up is None:
            return
        _given_up.set(None)
        if not self._is_on and given_up[:2] == self._call:
            raise given_up[2]


def _bytes_of(body: Any) -> bytes:
    return body if isinstance(body, bytes) else bytes(body._value)


def _refill(response: aiohttp.ClientResponse, body: bytes) -> None:
    """Let who reads an answer as a stream (Stripe's package does) find the body there too."""
    loop = asyncio.get_running_loop()
    content = aiohttp.StreamReader(BaseProtocol(loop), limit=len(body), loop=loop)
    content.feed_data(body)
    content.feed_eof()
    response.content = content


async def _close(response: aiohttp.ClientResponse) -> None:
    response.close()
