"""The dashboard as an ASGI application, for the admin listener of `serve` and to be mounted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hardpoint.core.errors import ConfigurationError
from hardpoint.dashboard.access import Authorize, DashboardAccess
from hardpoint.dashboard.account_pages import account_routes
from hardpoint.dashboard.call_pages import call_routes
from hardpoint.dashboard.drawing import STATIC, static_file, templates
from hardpoint.dashboard.event_acts import event_act_routes
from hardpoint.dashboard.event_pages import event_routes
from hardpoint.dashboard.gate import DashboardGate
from hardpoint.dashboard.letters import letter_routes
from hardpoint.dashboard.looking import StoreLook
from hardpoint.dashboard.overview import overview_routes
from hardpoint.dashboard.provider_pages import provider_routes
from hardpoint.dashboard.setting_pages import setting_routes
from hardpoint.dashboard.signing_in import check_sign_in, sign_in_routes
from hardpoint.dashboard.visits import Desk, Visit, answer
from hardpoint.hub.operators import DashboardRole

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub


def dashboard_app(
    hub: "Hub", *, authorize: Authorize | None = None, hosts: Sequence[str] = ()
) -> DashboardGate:
    """See `Hub.dashboard`."""
    if authorize is None and not hub.settings.dashboard.chosen:
        raise ConfigurationError(
            "dashboard",
            "nobody could sign in",
            fix='Write [dashboard] with token = "env:HARDPOINT_DASHBOARD_TOKEN", or give authorize',
        )
    hub.settings.dashboard.check()
    check_sign_in(hub)
    templates()  # what is missing is told now, not to a visitor
    _ = hub.observation  # calls are recorded from now on
    vault = hub.settings.identity.vault
    access = DashboardAccess(
        lambda: hub.settings.dashboard,
        hub._clock,
        keyring=vault and vault.keyring,
        authorize=authorize,
    )
    desk = Desk(hub=hub, access=access, look=StoreLook(hub))
    routes = [
        Route("/static/{name}", _static, methods=["GET"]),
        *sign_in_routes(desk),
        *event_routes(desk),
        *event_act_routes(desk),
        *overview_routes(desk),
        *letter_routes(desk),
        *call_routes(desk),
        *provider_routes(desk),
        *account_routes(desk),
        *setting_routes(desk),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _lost(desk), 405: _lost(desk)})
    return DashboardGate(app, hub, frozenset(one.lower() for one in hosts))


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return PlainTextResponse("not found", 404)
    content, version = static_file(name)
    fresh = request.query_params.get("v") == version
    kept = "public, max-age=31536000, immutable" if fresh else "no-cache"
    return Response(content, 200, {"cache-control": kept}, STATIC[name])


def _lost(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Of a path that is none: for who is not signed in it looks like all the others."""

    async def page(visit: Visit) -> Response:
        return visit.refusal(404, "There is no such page", "What you look for may have been moved.")

    async def lost(request: Request, _error: Exception) -> Response:
        return await answer(desk, page, DashboardRole.VIEWER, request)

    return lost
