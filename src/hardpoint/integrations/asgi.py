"""Protecting an ASGI application, whatever it is made with.

    app = ApiKeyMiddleware(app, hub.api_keys, scopes=["orders:read"])

Who calls stands in `scope["state"]["principal"]`, which Starlette and FastAPI show as
`request.state.principal`.
"""

import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping, Sequence
from typing import Any, TypeAlias, final

from hardpoint.api_keys import ApiKeys
from hardpoint.api_keys.reading import (
    REFUSALS,
    SIGNED_BODY_BYTES_MAX,
    BodyTooLargeError,
    CallerRequest,
    answer_to,
)

__all__ = ["ApiKeyMiddleware"]

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class _ClientGoneError(Exception):
    """Nobody is left to hear an answer."""


@final
class ApiKeyMiddleware:
    """Lets a request through to the application if its caller may call.

    WebSockets are asked when they open.

    Args:
        app: the application.
        keys: `hub.api_keys`.
        scopes: what every caller has to be allowed.
        tenant: whose callers alone are taken; None for anyone's.
        open_paths: paths that anybody may ask for, such as `/healthz`.
    """

    def __init__(
        self,
        app: _App,
        keys: ApiKeys,
        *,
        scopes: Sequence[str] = (),
        tenant: str | None = None,
        open_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._keys = keys
        self._scopes = tuple(scopes)
        self._tenant = tenant
        self._open = frozenset(open_paths)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in self._open:
            return await self._app(scope, receive, send)
        request = _request(scope)
        try:
            if scope["type"] == "http" and self._keys.reads_body(request.headers):
                request, receive = await _with_body(request, receive)
            principal = await self._keys.authenticate(
                request, scopes=self._scopes, tenant=self._tenant
            )
        except _ClientGoneError:
            return None
        except REFUSALS as error:
            answer = answer_to(error)
            if scope["type"] == "websocket":  # before it is accepted: the client hears 403
                return await send({"type": "websocket.close", "code": 1008})
            body = json.dumps({"error": answer.error}).encode()
            headers = {
                **answer.headers,
                "content-type": "application/json",
                "content-length": f"{len(body)}",
            }
            pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
            return await send({"type": "http.response.body", "body": body})
        state = {**scope.get("state", {}), "principal": principal}
        return await self._app({**scope, "state": state}, receive, send)


async def _with_body(request: CallerRequest, receive: _Receive) -> tuple[CallerRequest, _Receive]:
    """The request with its body, and what gives that body once more."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > SIGNED_BODY_BYTES_MAX:
            raise BodyTooLargeError
    again = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def once_more() -> MutableMapping[str, Any]:
        return again.pop() if again else await receive()

    return request._replace(body=bytes(body)), once_more


def _request(scope: _Scope) -> CallerRequest:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    target = path + b"?" + query if query else path
    pairs: Sequence[tuple[bytes, bytes]] = scope["headers"]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
    return CallerRequest(scope.get("method", "GET"), target.decode("latin-1"), headers)
