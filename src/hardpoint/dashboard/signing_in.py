"""Signing in: by a token, or at a provider that knows people."""

from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hardpoint.core.errors import (
    ConfigurationError,
    FlowError,
    HardpointError,
    OAuthError,
    ProviderError,
)
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, next_of, route
from hardpoint.hub.accounts import Accounts
from hardpoint.hub.hub import Hub
from hardpoint.oauth.cookies import Cookie
from hardpoint.oauth.flow import CALLBACK, FlowKind
from hardpoint.oauth.flows import FLOW_SECONDS

_AT_PROVIDER: Final = "/login/provider"


def sign_in_routes(desk: Desk) -> list[Route]:
    """What anybody may ask for."""
    return [
        route(desk, "/login", _login_page, role=None),
        route(desk, "/login", _login, role=None, acts=True),
        route(desk, "/logout", _logout, role=None, acts=True),
        route(desk, _AT_PROVIDER, _leave, role=None),
        route(desk, f"{CALLBACK}{{provider}}", _come_back, role=None),
    ]


def check_sign_in(hub: Hub) -> None:
    """See that people could sign in.

    Raises:
        ConfigurationError: their provider or the vault is missing, or cannot work.
    """
    if hub.settings.dashboard.sign_in is not None:
        _accounts(hub)


async def _login_page(visit: Visit) -> Response:
    there = next_of(visit.asked.get("next", "/"))
    if visit.user is not None:
        return visit.to(there)
    return _form(visit, 200, there, None)


def _form(visit: Visit, status: int, there: str, problem: str | None) -> Response:
    settings = visit.desk.hub.settings.dashboard
    return visit.page(
        "login.html",
        status,
        there=there,
        problem=problem,
        tokens=bool(settings.tokens),
        provider=settings.sign_in,
    )


async def _login(visit: Visit) -> Response:
    access, there = visit.desk.access, next_of(visit.form.get("next", "/"))
    cookie = access.sign_in(visit.request, visit.form.get("token", ""))
    if cookie is not None:
        answer = visit.to(there)
        answer.headers.append("set-cookie", cookie)
        return answer
    locked = access.locked
    problem = "Too many wrong tokens: wait a minute." if locked else "No token of ours is that one."
    return _form(visit, 429 if locked else 403, there, problem)


async def _logout(visit: Visit) -> Response:
    answer = visit.to("/login")
    answer.headers.append("set-cookie", visit.desk.access.sign_out(visit.request))
    return answer


async def _leave(visit: Visit) -> Response:
    """To the provider, and from there back to us."""
    there = next_of(visit.asked.get("next", "/"))
    provider = visit.desk.hub.settings.dashboard.sign_in or ""
    try:
        async with _accounts(visit.desk.hub) as accounts:
            begun = await accounts.flows.begin(
                FlowKind.LOGIN, provider, return_to=f"{visit.root}{there}"
            )
    except HardpointError as error:
        raise _refused(error) from error
    answer = RedirectResponse(begun.url, 303)
    cookie = _flow(visit.request).set(begun.held, seconds=FLOW_SECONDS)
    answer.headers.append("set-cookie", cookie)
    return answer


async def _come_back(visit: Visit) -> Response:
    request = visit.request
    try:
        async with _accounts(visit.desk.hub) as accounts:
            done = await accounts.flows.finish(
                request.path_params["provider"],
                request.query_params.multi_items(),
                held=_flow(request).read(request.headers.getlist("cookie")),
            )
    except HardpointError as error:
        raise _refused(error) from error
    known = done.identity
    address = known.email if known is not None and known.email_verified else None
    cookie = visit.desk.access.sign_in_person(request, address or "")
    if cookie is None:
        raise RefusedVisitError(
            403, "You are not among its people", f"{address or 'You'} may not see this dashboard."
        )
    answer = RedirectResponse(done.return_to, 303)
    answer.headers.append("set-cookie", cookie)
    answer.headers.append("set-cookie", _flow(request).clear())
    return answer


def _refused(error: HardpointError) -> RefusedVisitError:
    # What a provider says may be more than a visitor should read.
    shown = str(error) if isinstance(error, FlowError | ConfigurationError) else "Try again."
    status = 400 if isinstance(error, OAuthError) else 502
    if isinstance(error, ProviderError) and error.retryable:
        status = 503
    return RefusedVisitError(status, "The sign-in did not succeed", shown)


def _accounts(hub: Hub) -> Accounts:
    """The one provider, which leads back to the dashboard; opened for one step of a flow."""
    settings, identity = hub.settings.dashboard, hub.settings.identity
    name = settings.sign_in
    if name is None or settings.url is None or name not in identity.oauth:
        raise ConfigurationError(
            "dashboard.sign_in", "names no provider of [oauth], or has no url", fix="Add both"
        )
    one = replace(identity, oauth={name: identity.oauth[name]})
    return one.accounts(settings.url, listeners=hub.listeners)


def _flow(request: Request) -> Cookie:
    return Cookie(name="hp_dashboard_flow", secure=request.url.scheme == "https")
