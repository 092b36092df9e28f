"""The admin listener: health, readiness, and what operators see and do.

No page of another origin may use it: the Host must be a loopback name (a rebound DNS name is not),
and a request that carries an Origin is refused. Orders come over the socket beside the store.
"""

from typing import Any, Final, final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from hardpoint.hub.asgi import AsgiApp, Receive, Scope, Send
from hardpoint.service.operations import AdminOperations, Endpoint
from hardpoint.service.readiness import Readiness

DASHBOARD: Final = "/dashboard"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def admin_app(
    readiness: Readiness,
    *,
    hosts: frozenset[str] | None = LOOPBACK_NAMES,
    operations: AdminOperations | None = None,
    dashboard: AsgiApp | None = None,
) -> "AdminGate":
    """The whole admin application.

    Args:
        readiness: of the hub.
        hosts: what the Host header may name; None: anything, for a listener that others reach.
        operations: what there is beside health and readiness.
        dashboard: at `/dashboard`; it has a gate of its own, since its forms carry an Origin.
    """
    return AdminGate(
        Starlette(
            routes=[
                Route("/healthz", _healthz, methods=["GET"]),
                Route("/readyz", _readyz(readiness), methods=["GET"]),
                *(() if operations is None else operations.routes()),
            ]
        ),
        hosts,
        dashboard and _mounted(dashboard),
    )


def _mounted(dashboard: AsgiApp) -> Starlette:
    """At its path; who leaves out the last slash is led there, whatever Host they name."""

    async def led(request: Request) -> Response:
        query = request.url.query
        return RedirectResponse(f"{DASHBOARD}/?{query}" if query else f"{DASHBOARD}/")

    routes = [Route(DASHBOARD, led, methods=["GET"]), Mount(DASHBOARD, dashboard)]
    return Starlette(routes=routes)


@final
class AdminGate:
    """Lets through what no browser was tricked into sending."""

    def __init__(
        self, app: Starlette, hosts: frozenset[str] | None, dashboard: Starlette | None = None
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._dashboard = dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if self._dashboard is not None and f"{scope['path']}/".startswith(f"{DASHBOARD}/"):
            await self._dashboard(scope, receive, send)
            return
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


async def _healthz(_request: Request) -> Response:
    return _json(200, {"status": "ok"})


def _readyz(readiness: Readiness) -> Endpoint:
    async def readyz(_request: Request) -> Response:
        state = await readiness.look()
        return _json(200 if state.ready else 503, state)

    return readyz


def _json(status: int, content: Any) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(content), status, headers, "application/json")
