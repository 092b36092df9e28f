"""The admin listener: health, readiness, and the operator's API for the command line.

No page of another origin may use it: the Host must be a loopback name (a rebound DNS name is not),
a request that carries an Origin is refused, and the API wants the token of the run file.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.hub.asgi import Receive, Scope, Send
from hardpoint.hub.hub import Hub
from hardpoint.service.readiness import Readiness
from hardpoint.service.runfile import RunningServer
from hardpoint.store.driver import NOTE_LENGTH_MAX

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
ORDER_BYTES_MAX = 16 * 1024

_Text = Annotated[str, msgspec.Meta(max_length=NOTE_LENGTH_MAX)]
_Order = TypeVar("_Order", bound=msgspec.Struct)
Endpoint = Callable[[Request], Awaitable[Response]]


class RetryOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a retry; see `Hub.retry`."""

    handler: _Text | None = None
    actor: _Text = ""
    reason: _Text = ""


class ReplayOrder(RetryOrder, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a replay; see `Hub.replay`."""

    force: bool = False


class ResolveOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a resolve; see `Hub.resolve`."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_LENGTH_MAX)]
    handler: _Text | None = None
    actor: _Text = ""


class _Refusal(Exception):  # noqa: N818 - an answer, raised where it is decided
    """Ends a request with an answer."""

    def __init__(self, status: int, error: str, **told: Any) -> None:
        super().__init__(error)
        self.answer = _json(status, {"error": error, **told})


def admin_app(
    hub: Hub,
    readiness: Readiness,
    run: RunningServer,
    *,
    hosts: frozenset[str] | None = LOOPBACK_NAMES,
) -> "AdminGate":
    """The whole admin application.

    Args:
        hub: carries out orders.
        readiness: of the hub.
        run: whose token the API wants.
        hosts: what the Host header may name; None: anything, for a listener that others reach.
    """
    api = _Api(hub, run)
    return AdminGate(
        Starlette(
            routes=[
                Route("/healthz", _answering(_healthz), methods=["GET"]),
                Route("/readyz", _answering(_readyz(readiness)), methods=["GET"]),
                Route("/api/server", _answering(api.server), methods=["GET"]),
                Route("/api/events/{event}/retry", _answering(api.retry), methods=["POST"]),
                Route("/api/events/{event}/replay", _answering(api.replay), methods=["POST"]),
                Route("/api/events/{event}/resolve", _answering(api.resolve), methods=["POST"]),
            ]
        ),
        hosts,
    )


@final
class AdminGate:
    """Lets through what no browser was tricked into sending."""

    def __init__(self, app: Starlette, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        headers = scope["headers"]
        named = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if any(name == b"origin" for name, _ in headers):
            await _json(403, {"error": "origin_refused"})(scope, receive, send)
        elif len(named) != 1 or not self._serves(named[0]):
            await _json(421, {"error": "host_refused"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _serves(self, host: str) -> bool:
        if self._hosts is None:
            return True
        name, colon, port = host.rpartition(":")
        if colon and port.isascii() and port.isdigit():
            host = name
        return host in self._hosts


@final
class _Api:
    """Orders from the command line."""

    def __init__(self, hub: Hub, run: RunningServer) -> None:
        self._hub = hub
        self._run = run
        self._token = _digest(f"Bearer {run.token}")

    async def server(self, request: Request) -> Response:
        self._authorize(request)
        told = {"pid": self._run.pid, "started_at": self._run.started_at}
        return _json(200, {**told, "generation": self._hub.generation})

    async def retry(self, request: Request) -> Response:
        order = await self._order(request, RetryOrder)
        event = request.path_params["event"]
        return await _carried_out(
            self._hub.retry(event, order.handler, actor=order.actor, reason=order.reason)
        )

    async def replay(self, request: Request) -> Response:
        order = await self._order(request, ReplayOrder)
        event = request.path_params["event"]
        return await _carried_out(
            self._hub.replay(
                event, order.handler, force=order.force, actor=order.actor, reason=order.reason
            )
        )

    async def resolve(self, request: Request) -> Response:
        order = await self._order(request, ResolveOrder)
        event = request.path_params["event"]
        return await _carried_out(
            self._hub.resolve(event, order.handler, note=order.note, actor=order.actor)
        )

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(_digest(given), self._token):
            raise _Refusal(401, "unauthorized")

    async def _order(self, request: Request, kind: type[_Order]) -> _Order:
        self._authorize(request)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > ORDER_BYTES_MAX:
                raise _Refusal(413, "too_large")
        try:
            return msgspec.json.decode(bytes(body) or b"{}", type=kind)
        except UNREADABLE:
            raise _Refusal(400, "malformed_request") from None


async def _carried_out(order: Awaitable[int]) -> Response:
    try:
        return _json(200, {"count": await order})
    except ConfigurationError as error:
        told = {"key": error.key, "problem": error.problem, "fix": error.fix}
        raise _Refusal(400, "configuration", **told) from None
    except StoreUnavailableError as error:
        raise _Refusal(503, "unavailable", message=str(error)) from None


async def _healthz(_request: Request) -> Response:
    return _json(200, {"status": "ok"})


def _readyz(readiness: Readiness) -> Endpoint:
    async def readyz(_request: Request) -> Response:
        state = await readiness.look()
        return _json(200 if state.ready else 503, state)

    return readyz


def _answering(endpoint: Endpoint) -> Endpoint:
    """Turn a refusal on the way into its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Refusal as refusal:
            return refusal.answer

    return answer


def _json(status: int, content: Any) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def _digest(text: str) -> bytes:
    """Of one length whatever the text's: a comparison then tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
