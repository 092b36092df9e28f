"""Signing in and connecting accounts in a Starlette or FastAPI application.

    signin = SignIn(hub.accounts, on_login=get_or_create)
    app.router.routes.extend(signin.routes())

    @app.get("/me")
    async def me(user: str = Depends(signin.user)): ...

| | |
|---|---|
| `GET /login/{provider}` | to the provider; `?return_to=/orders` |
| `GET`, `POST /auth/callback/{provider}` | back from it |
| `GET /connect/{provider}` | the same for an account of whoever is signed in |
| `POST /logout` | the session ends, and where `logout = true` the provider's does too |
| `POST /auth/logout/{provider}` | the provider says that somebody has signed out there |

Nothing here is taken from `Host` or `X-Forwarded-*`: who we are is what is configured.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Final, Protocol, final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from hardpoint.core.errors import (
    ClientRefusedError,
    FlowError,
    HardpointError,
    InvalidTokenError,
    OAuthError,
    ProviderError,
    StoreUnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.forms import FORM
from hardpoint.http.limits import checked_url
from hardpoint.oauth.cookies import Cookie
from hardpoint.oauth.flow import CALLBACK, SIGNED_OUT, FlowDone, FlowKind
from hardpoint.oauth.flows import FLOW_SECONDS, Flows
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.sessions import Session, Sessions, form_token, is_own_request, origin_of

__all__ = ["OnConnect", "OnLogin", "OnRefused", "RequestParts", "SignIn"]

_PRIVATE: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_FORM_BYTES_MAX: Final = 64 * 1024
_FIELDS_MAX: Final = 50
_LOGOUT: Final = "/logout"
_HINT_CHARACTERS_MAX: Final = 3800
"""Browsers keep no cookie over 4096 bytes; without the hint the provider asks the person."""
_STATUSES: Final = {
    "unknown_provider": 404,
    "not_signed_in": 401,
    "access_denied": 403,
    "not_started": 503,
}

OnLogin = Callable[[Identity], str | Awaitable[str]]
"""Gets or creates the user that somebody is, by `identity.key`; gives our name of them."""
OnConnect = Callable[[FlowDone], Awaitable[None] | None]
"""Keeps a connected account: its tokens, account and user."""
OnRefused = Callable[[Request, OAuthError | ProviderError | StoreUnavailableError, int], Response]
"""Makes the page for a flow that was refused, with the status it should have."""


class RequestParts(Protocol):
    """What the routes work with; `hub.accounts` has it all.

    Attributes:
        flows: signing in and connecting.
        sessions: who is signed in.
        public_url: where browsers reach us; its origin is the one whose forms are taken.
    """

    flows: Flows
    sessions: Sessions
    public_url: str

    async def keep(self, done: FlowDone, /) -> None:
        """Keep a connected account."""
        ...


@final
class SignIn:
    """The routes, and who is signed in.

    Args:
        accounts: `hub.accounts`, or parts of your own.
        on_login: finds or creates the user.
        on_connect: keeps a connected account, in place of `accounts.keep`.
        on_refused: makes the page for a refusal; a plain line of text otherwise.

    Raises:
        ConfigurationError: `public_url` is none, or neither https nor loopback.
    """

    def __init__(
        self,
        accounts: RequestParts,
        *,
        on_login: OnLogin,
        on_connect: OnConnect | None = None,
        on_refused: OnRefused | None = None,
    ) -> None:
        url = checked_url(accounts.public_url, key="public_url")
        secure = url.startswith("https:")
        self._flows = accounts.flows
        self._sessions = accounts.sessions
        self._origin = origin_of(url)
        self._on_login = on_login
        self._on_connect = on_connect or accounts.keep
        self._on_refused = on_refused or _plain_page
        self._back = f"{url.rstrip('/')}/"
        self._flow_cookie = Cookie(name="hp_flow", secure=secure)
        self._posted_cookie = Cookie(name="hp_posted", secure=secure, posted=True)
        self._session_cookie = Cookie(name="hp_session", secure=secure)
        self._hint_cookie = partial(
            Cookie, name="hp_hint", secure=secure, characters_max=_HINT_CHARACTERS_MAX
        )

    def routes(self) -> list[Route]:
        """To be added to the application's."""
        return [
            Route("/login/{provider}", self._login, methods=["GET"]),
            Route(f"{CALLBACK}{{provider}}", self._callback, methods=["GET", "POST"]),
            Route("/connect/{provider}", self._connect, methods=["GET"]),
            Route(_LOGOUT, self._logout, methods=["POST"]),
            Route(f"{SIGNED_OUT}{{provider}}", self._signed_out, methods=["POST"]),
        ]

    # Who is signed in

    async def session(self, request: Request) -> Session | None:
        """The session of a request's browser, if it has one."""
        return await self._sessions.find(self._held(request, self._session_cookie))

    async def user(self, request: Request) -> str:
        """Who is signed in, as `on_login` named them; a dependency for FastAPI.

        Raises:
            HTTPException: 401, nobody is.
        """
        session = await self.session(request)
        if session is None:
            raise HTTPException(401, "not signed in")
        return session.user

    def form_token(self, request: Request) -> str:
        """What a form carries, for browsers too old to say where it came from."""
        held = self._held(request, self._session_cookie)
        return "" if held is None else form_token(held)

    def is_own(self, request: Request, token: str | None = None) -> bool:
        """Whether a request that changes something came from a page of ours (CSRF).

        Args:
            request: which.
            token: what its form carried as `form_token`, if you look for that too.
        """
        return is_own_request(
            request.method,
            request.headers,
            origin=self._origin,
            held=self._held(request, self._session_cookie),
            token=token,
        )

    # Flows

    async def begin(
        self,
        request: Request,
        kind: FlowKind,
        provider: str,
        *,
        return_to: str = "/",
        scopes: Sequence[str] = (),
        connection: str | None = None,
        account: str | None = None,
        hint: str | None = None,
        age_max: float | None = None,
    ) -> Response:
        """Send a browser to a provider, from a route of your own; see `Flows.begin`."""

        async def begun() -> Response:
            session = await self.session(request)
            begun = await self._flows.begin(
                kind,
                provider,
                held=self._held(request, self._flow_cookie),
                return_to=return_to,
                user=session and session.user,
                scopes=scopes,
                connection=connection,
                account=account,
                hint=hint,
                age_max=age_max,
            )
            answer = RedirectResponse(begun.url, 303, _PRIVATE)
            cookie, value = self._flow_cookie, begun.held
            if begun.form_post:  # it comes without the session's cookie, and names the session
                cookie = self._posted_cookie
                value = value if session is None else f"{value}.{session.key}"
            answer.headers.append("set-cookie", cookie.set(value, seconds=FLOW_SECONDS))
            return answer

        return await self._guarded(request, begun)

    async def _login(self, request: Request) -> Response:
        return await self.begin(
            request,
            FlowKind.LOGIN,
            request.path_params["provider"],
            return_to=request.query_params.get("return_to", "/"),
        )

    async def _connect(self, request: Request) -> Response:
        return await self.begin(
            request,
            FlowKind.CONNECT,
            request.path_params["provider"],
            return_to=request.query_params.get("return_to", "/"),
        )

    async def _callback(self, request: Request) -> Response:
        if request.method == "HEAD":  # one that looks ahead must not use the state up
            return Response(status_code=405, headers={"allow": "GET, POST"})

        async def finished() -> Response:
            held = self._held(request, self._session_cookie)
            if request.method == "POST":
                # What a provider's page posts comes without our other cookies, and the query of
                # such an address is nobody's answer.
                query = await _form(request)
                value = self._held(request, self._posted_cookie)
                began, _, key = (value or "").partition(".")
                session = await self._sessions.named(key) if key else None
            else:
                query = request.query_params.multi_items()
                began = self._held(request, self._flow_cookie)
                session = await self._sessions.find(held)
            done = await self._flows.finish(
                request.path_params["provider"],
                query,
                held=began or None,
                user=session and session.user,
            )
            answer = RedirectResponse(done.return_to, 303, _PRIVATE)
            if done.kind is FlowKind.LOGIN and done.identity is not None:
                user = await _called(self._on_login, done.identity)
                started = await self._sessions.start(user, identity=done.identity, instead_of=held)
                cookie = self._session_cookie.set(started.held, seconds=self._sessions.absolute)
                answer.headers.append("set-cookie", cookie)
                self._give_hint(request, answer, done.id_token_hint)
            else:
                await _called(self._on_connect, done)
            return answer

        return await self._guarded(request, finished)

    async def _logout(self, request: Request) -> Response:
        if not self.is_own(request):
            return PlainTextResponse("not from a page of ours", 403, _PRIVATE)
        held = self._held(request, self._session_cookie)
        session = await self._sessions.find(held)
        await self._sessions.end(held)
        hint = self._hint(request)
        there = session and self._flows.logout_url(
            session.issuer,
            self._back,
            subject=session.subject,
            id_token=self._held(request, hint),
        )
        answer = RedirectResponse(there or "/", 303, _PRIVATE)
        for cookie in (self._session_cookie, hint):
            answer.headers.append("set-cookie", cookie.clear())
        return answer

    async def _signed_out(self, request: Request) -> Response:
        """Back-Channel Logout 1.0, 2.5: any person's sessions, by the provider's signed word."""
        try:
            said = dict(await _form(request)).get("logout_token", "")
            notice = await self._flows.signed_out(request.path_params["provider"], said)
            await self._sessions.end_by_notice(notice)
        except (OAuthError, ProviderError, StoreUnavailableError) as error:
            status = 503 if error.retryable else _STATUSES.get(getattr(error, "reason", ""), 400)
            return JSONResponse({"error": "invalid_request"}, status, _PRIVATE)
        return Response(status_code=200, headers=_PRIVATE)

    async def _guarded(self, request: Request, act: Callable[[], Awaitable[Response]]) -> Response:
        try:
            return await act()
        except (OAuthError, ProviderError, StoreUnavailableError) as error:
            answer = self._on_refused(request, error, _status(error))
        answer.headers.update(_PRIVATE)
        return answer

    def _hint(self, request: Request) -> Cookie:
        """Holds an ID token until its person signs out, and goes nowhere else."""
        return self._hint_cookie(path=f"{request.scope.get('root_path', '')}{_LOGOUT}")

    def _give_hint(self, request: Request, answer: Response, hint: Secret | None) -> None:
        if hint is not None and len(hint.reveal()) <= _HINT_CHARACTERS_MAX:
            cookie = self._hint(request).set(hint.reveal(), seconds=self._sessions.absolute)
            answer.headers.append("set-cookie", cookie)

    def _held(self, request: Request, cookie: Cookie) -> str | None:
        return cookie.read(request.headers.getlist("cookie"))


def _status(error: HardpointError) -> int:
    """What is the visitor's to mend is 4xx, what is ours or the provider's is 5xx."""
    if isinstance(error, FlowError | InvalidTokenError):
        return _STATUSES.get(error.reason, 400)
    return 503 if error.retryable else 502


def _plain_page(_: Request, error: HardpointError, status: int) -> Response:
    # The message of a provider's error may say more than a visitor should read.
    shown = "The sign-in did not succeed"
    if isinstance(error, FlowError):
        shown = str(error)
    elif isinstance(error, ClientRefusedError):
        shown = (
            f"{shown}: the provider refuses this site ({error.reason}); its operator can mend it"
        )
    return PlainTextResponse(shown, status)


async def _form(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, in order; nothing of a body that is none.

    Raises:
        FlowError: it is larger than any answer of a provider.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return []
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            raise FlowError("The answer is too long", reason="too_long")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise FlowError("The answer is no form", reason="no_form") from None


async def _called(function: Callable[..., Any], argument: object) -> Any:
    """Call what an application gave us: plain functions in a thread."""
    if iscoroutinefunction(function):
        return await function(argument)
    result = await run_in_threadpool(function, argument)
    return await result if isawaitable(result) else result
