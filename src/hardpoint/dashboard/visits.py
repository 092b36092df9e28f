"""One request of somebody who may make it: who they are, what they sent, the page they get."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from hardpoint.core.errors import FlowError, HardpointError, StoreError
from hardpoint.core.traces import summary_of
from hardpoint.dashboard.access import DashboardAccess, DashboardUser
from hardpoint.dashboard.drawing import drawn
from hardpoint.dashboard.looking import StoreLook
from hardpoint.hub.events import DoorFailed
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import DashboardRole
from hardpoint.oauth.cookies import checked_return
from hardpoint.oauth.effects import equal

FORM_BYTES_MAX: Final = 64 * 1024
_FIELDS_MAX: Final = 50


class RefusedVisitError(HardpointError):
    """A visit that is not let through; its page says why.

    Attributes:
        status: of the answer.
        title: what happened, in few words.
    """

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.title = title


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all pages work with."""

    hub: Hub
    access: DashboardAccess
    look: StoreLook

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.hub._clock.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request, who sends it, and its form.

    Attributes:
        visitor: what the browser's forms prove themselves by.
    """

    desk: Desk
    request: Request
    user: DashboardUser | None
    visitor: str
    form: Mapping[str, str]

    @property
    def root(self) -> str:
        """The path that the dashboard is mounted at."""
        return root_of(self.request)

    @property
    def asked(self) -> Mapping[str, str]:
        """The query."""
        return self.request.query_params

    @property
    def actor(self) -> str:
        """Who acts, for the audit record."""
        return f"dashboard, {self.user.name if self.user else 'nobody'}"

    def may(self, role: DashboardRole) -> bool:
        """Whether they may do what this role may."""
        return self.user is not None and self.user.role.may(role)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page for them."""
        shared = {
            "root": self.root,
            "path": self.request.scope["path"].removeprefix(self.root) or "/",
            "user": self.user,
            "signs_in": self.desk.access.signs_in,
            "form_token": self.desk.access.form_token(self.request, self.visitor),
            "may_act": self.may(DashboardRole.OPERATOR),
            "may_reveal": self.may(DashboardRole.ADMIN),
            "now": self.desk.now,
        }
        return HTMLResponse(drawn(template, **shared, **values), status)

    def refusal(self, status: int, title: str, message: str) -> Response:
        """A page that says why there is no other."""
        return self.page("refused.html", status, title=title, message=message)

    def to(self, path: str) -> Response:
        """Lead to another page of ours."""
        return RedirectResponse(f"{self.root}{path}", 303)


Page = Callable[[Visit], Awaitable[Response]]


def root_of(request: Request) -> str:
    """The path of the mount, or nothing."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def route(
    desk: Desk,
    path: str,
    page: Page,
    *,
    role: DashboardRole | None = DashboardRole.VIEWER,
    acts: bool = False,
) -> Route:
    """A page at its path.

    Args:
        desk: what it works with.
        path: below the mount.
        page: makes it.
        role: who may see it; None: anybody, signed in or not.
        acts: it is posted to, with a form of ours.
    """
    method = "POST" if acts else "GET"
    return Route(path, partial(answer, desk, page, role), methods=[method])


async def answer(desk: Desk, page: Page, role: DashboardRole | None, request: Request) -> Response:
    """The page that a request gets, or what it hears in its place."""
    visitor, cookie = desk.access.visitor(request)
    user = await desk.access.user(request)
    visit = Visit(desk=desk, request=request, user=user, visitor=visitor, form={})
    try:
        if role is not None:
            _admit(visit, role)
        if request.method == "POST":
            visit = replace(visit, form=await _own_form(visit))
        made = await page(visit)
    except NotSignedInError:
        made = _not_signed_in(visit)
    except RefusedVisitError as error:
        made = visit.refusal(error.status, error.title, str(error))
    except StoreError as error:
        made = visit.refusal(503, "The store cannot be read", str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the visitor hears
        told = DoorFailed(doing="dashboard", error=summary_of(error), exception=error)
        desk.hub.listeners.emit(told)
        made = visit.refusal(500, "This page failed", "The log of the server says why.")
    if cookie is not None:
        made.headers.append("set-cookie", cookie)
    return made


async def _own_form(visit: Visit) -> dict[str, str]:
    """The fields of a form that a page of ours has made for this browser."""
    form = await form_of(visit.request)
    token = visit.desk.access.form_token(visit.request, visit.visitor)
    if not equal(form.get("form_token", ""), token):
        raise RefusedVisitError(
            403, "This form is out of date", "Open its page again, and repeat what you did."
        )
    return form


class NotSignedInError(HardpointError):
    """Nobody is signed in."""


def _admit(visit: Visit, role: DashboardRole) -> None:
    if visit.user is None:
        raise NotSignedInError("nobody is signed in")
    if not visit.may(role):
        raise RefusedVisitError(
            403,
            f"This needs the role {role.value}",
            f"You are here as {visit.user.name}, with the role {visit.user.role.value}.",
        )


def _not_signed_in(visit: Visit) -> Response:
    access, request = visit.desk.access, visit.request
    reads = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if access.signs_in and reads:
        there = request.scope["path"].removeprefix(visit.root)
        if request.url.query:
            there = f"{there}?{request.url.query}"
        return visit.to(f"/login?next={quote(there, safe='')}")
    return visit.refusal(401, "Sign in first", "Nobody is signed in in this browser.")


def next_of(text: str) -> str:
    """Where to go after signing in: a page of ours, whatever an address says."""
    try:
        return checked_return(text)
    except FlowError:
        return "/"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        RefusedVisitError: it is too large, or none.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            raise RefusedVisitError(413, "This form is too large", "Write less.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise RefusedVisitError(400, "This is no form", "Open the page again.") from None
