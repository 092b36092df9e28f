"""Who looks at the dashboard: by a token, or as the application says.

A session is a cookie that proves itself: the name of a token, when it began, something random, and
a signature that only this token's value can make. Every worker can read it and none keeps it; it
ends after twelve hours, or as soon as its token is changed or taken away.
"""

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, final

from starlette.requests import Request

from hardpoint.core.effects import Clock
from hardpoint.core.secrets import Secret
from hardpoint.hub.operators import DashboardRole, DashboardSettings
from hardpoint.oauth.cookies import Cookie
from hardpoint.oauth.effects import ENTROPY, Entropy, derived, equal, secret
from hardpoint.oauth.sessions import form_token

SESSION_SECONDS: Final = 12 * 3600.0
FAILURES_MAX: Final = 20
"""Tokens that were wrong, of all visitors in a minute; then nobody is let in for a while."""
_FAILURE_SECONDS: Final = 60.0
_PURPOSE: Final = "dashboard session"
_PARTS: Final = 4
_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardUser:
    """Somebody who may use the dashboard.

    Attributes:
        name: as the audit record shows it.
        role: what they may do.
    """

    name: str
    role: DashboardRole = DashboardRole.VIEWER


Authorize = Callable[[Request], DashboardUser | Awaitable[DashboardUser | None] | None]
"""Says who sends a request, in an application that knows; None: nobody who may."""


@final
class DashboardAccess:
    """Lets people in.

    Args:
        settings: those in force now.
        clock: for how long they have been in.
        authorize: in place of tokens.
        entropy: for cookies.
    """

    def __init__(
        self,
        settings: Callable[[], DashboardSettings],
        clock: Clock,
        *,
        authorize: Authorize | None = None,
        entropy: Entropy = ENTROPY,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._authorize = authorize
        self._entropy = entropy
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)

    @property
    def signs_in(self) -> bool:
        """Whether people sign in here; otherwise the application knows them."""
        return self._authorize is None

    async def user(self, request: Request) -> DashboardUser | None:
        """Who sends a request."""
        if self._authorize is None:
            return self._held_by(_session(request).read(request.headers.getlist("cookie")))
        found = self._authorize(request)
        return await found if inspect.isawaitable(found) else found

    def sign_in(self, request: Request, token: str) -> str | None:
        """A `Set-Cookie` for whoever has this token; None for who has none of ours.

        Each sign-in makes a session of its own, whatever the browser held before.
        """
        given = token.strip()
        found = [
            (name, one.secret)
            for name, one in self._settings().tokens.items()
            if equal(one.secret.reveal(), given)
        ]
        if self.locked or not found:
            self._failures.append(self._clock.monotonic())
            return None
        name, held = found[0]
        begun = f"{name}.{int(self._clock.now()):x}.{secret(self._entropy)}"
        value = f"{begun}.{_signature(held, begun)}"
        return _session(request).set(value, seconds=SESSION_SECONDS)

    @property
    def locked(self) -> bool:
        """Whether too many have guessed of late."""
        full = len(self._failures) == FAILURES_MAX
        return full and self._clock.monotonic() - self._failures[0] < _FAILURE_SECONDS

    def sign_out(self, request: Request) -> str:
        """A `Set-Cookie` that ends a browser's session."""
        return _session(request).clear()

    def visitor(self, request: Request) -> tuple[str, str | None]:
        """What a browser's forms prove themselves by, and the `Set-Cookie` it needs, if any."""
        cookie = _visit(request)
        held = cookie.read(request.headers.getlist("cookie"))
        if held is not None:
            return held, None
        held = secret(self._entropy)
        return held, cookie.set(held, seconds=SESSION_SECONDS)

    def form_token(self, request: Request, visitor: str) -> str:
        """What each form carries: it follows from what the browser holds, its session included."""
        session = _session(request).read(request.headers.getlist("cookie")) or ""
        return form_token(f"{visitor}.{session}")

    def _held_by(self, cookie: str | None) -> DashboardUser | None:
        begun, _, signature = (cookie or "").rpartition(".")
        parts = begun.split(".")
        if len(parts) != _PARTS - 1:
            return None
        name, at, _ = parts
        known = self._settings().tokens.get(name)
        if known is None or not equal(_signature(known.secret, begun), signature):
            return None
        if self._clock.now() - int(at, 16) >= SESSION_SECONDS:
            return None
        return DashboardUser(name=name, role=known.role)


def _signature(held: Secret, begun: str) -> str:
    return derived(held.reveal().encode(), begun, _PURPOSE)


def _session(request: Request) -> Cookie:
    secure = request.url.scheme == "https"
    return Cookie(name="hp_dashboard", secure=secure, characters_max=_CHARACTERS_MAX)


def _visit(request: Request) -> Cookie:
    return Cookie(name="hp_visit", secure=request.url.scheme == "https")
