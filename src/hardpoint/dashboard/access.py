"""Who looks at the dashboard: by a token, or as the application says.

A session is a cookie that proves itself: whose it is, when it began, something random, and a
signature that only the token's value can make, or the vault's keys for who came from a provider.
Every worker can read it and none keeps it; it ends after twelve hours, or as soon as its token or
person is taken away.
"""

import inspect
from base64 import urlsafe_b64decode, urlsafe_b64encode
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
"""Tokens that were wrong, of all visitors in a minute; who sends another is told to wait."""
_FAILURE_SECONDS: Final = 60.0
_PURPOSE: Final = "dashboard session"
_PARTS: Final = 4
_CHARACTERS_MAX: Final = 600
_TOKEN: Final = "t"  # noqa: S105 - a kind of session
_PERSON: Final = "p"


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
        keyring: what the sessions of people who come from a provider are signed with.
        clock: for how long they have been in.
        authorize: in place of tokens.
        entropy: for cookies.
    """

    def __init__(
        self,
        settings: Callable[[], DashboardSettings],
        clock: Clock,
        *,
        keyring: Secret | None = None,
        authorize: Authorize | None = None,
        entropy: Entropy = ENTROPY,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keyring = keyring
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

        Each sign-in makes a session of its own, whatever the browser held before. Who has a token
        is let in however many guess: nobody can lock others out, and no guess is ever right.
        """
        given = token.strip()
        found = [
            (name, one.secret)
            for name, one in self._settings().tokens.items()
            if equal(one.secret.reveal(), given)
        ]
        if found:
            return self._session(request, _TOKEN, *found[0])
        self._failures.append(self._clock.monotonic())
        return None

    def sign_in_person(self, request: Request, address: str) -> str | None:
        """A `Set-Cookie` for whom a provider knows by this address; None for who may not."""
        # Letters of other alphabets can become one of ours in small letters.
        known = address.isascii() and address.lower() in self._settings().people
        if self._keyring is None or not known:
            return None
        return self._session(request, _PERSON, address.lower(), self._keyring)

    def _session(self, request: Request, kind: str, name: str, held: Secret) -> str:
        named = urlsafe_b64encode(name.encode()).rstrip(b"=").decode()
        begun = f"{kind}{named}.{int(self._clock.now()):x}.{secret(self._entropy)}"
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
        named, at, _ = parts
        try:
            name = urlsafe_b64decode(named[1:] + "=" * (-len(named[1:]) % 4)).decode()
        except ValueError:
            return None
        held, role = self._known(named[:1], name)
        if held is None or role is None or not equal(_signature(held, begun), signature):
            return None
        if self._clock.now() - int(at, 16) >= SESSION_SECONDS:
            return None
        return DashboardUser(name=name, role=role)

    def _known(self, kind: str, name: str) -> tuple[Secret | None, DashboardRole | None]:
        """What signs somebody's sessions, and what they may do now."""
        settings = self._settings()
        if kind == _PERSON:
            return self._keyring, settings.people.get(name)
        token = settings.tokens.get(name) if kind == _TOKEN else None
        return (None, None) if token is None else (token.secret, token.role)


def _signature(held: Secret, begun: str) -> str:
    return derived(held.reveal().encode(), begun, _PURPOSE)


def _session(request: Request) -> Cookie:
    secure = request.url.scheme == "https"
    return Cookie(name="hp_dashboard", secure=secure, characters_max=_CHARACTERS_MAX)


def _visit(request: Request) -> Cookie:
    return Cookie(name="hp_visit", secure=request.url.scheme == "https")
