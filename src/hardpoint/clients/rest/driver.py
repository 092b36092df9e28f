"""One attempt at any API: sent, followed where that is asked for, and its refusal told apart."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, final
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from hardpoint.clients.rest.answers import at_pointer, is_json
from hardpoint.clients.rest.credentials import credentials
from hardpoint.clients.rest.requests import RestRequest
from hardpoint.clients.rest.settings import RestSettings
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    ProviderError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.http.client import USER_AGENT, ApiClient
from hardpoint.http.coding import accepted, unfolded
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.http.exchanges import exchange
from hardpoint.http.limits import checked_url
from hardpoint.http.messages import Request, Response, StreamedResponse, StreamingTransport
from hardpoint.http.quotas import QuotaNews, RateHeaders, quota_in
from hardpoint.runtime.clocks import SystemClock

NOT_MODIFIED: Final = 304
STREAM_SECONDS_MAX: Final = 24 * 3600.0
SLOW_DOWN_SECONDS: Final = 60.0
"""What to wait where an API says that it is too much, and neither how long nor how much is left."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DOTS: Final = frozenset({".", ".."})
_PORTS: Final = {"http": 80, "https": 443}
_LIMIT_WORDS: Final = ("rate limit", "too many requests")
_CODES: Final = ("/error/code", "/error/type", "/code", "/error", "/type")
_MESSAGES: Final = ("/error/message", "/message", "/error_description", "/detail", "/title")
_ERROR_BYTES: Final = 64 * 1024


@final
class RestDriver:
    """Any API that is spoken to over HTTP.

    Args:
        transport: how.
        settings: where and as whom.
        clock, nonce: effects, for signatures.
    """

    def __init__(
        self,
        transport: StreamingTransport,
        settings: RestSettings,
        *,
        clock: Clock | None = None,
        nonce: Callable[[], str] = secrets.token_hex,
    ) -> None:
        authorization, signer = credentials(settings)
        self._clock = clock or SystemClock()
        self.settings = settings
        self.provider = settings.host
        self.capabilities = Capabilities(
            frozenset(),
            idempotency=Idempotency.NATIVE if settings.idempotency_header else Idempotency.NONE,
            key_length_max=settings.key_length_max,
        )
        self._transport = transport
        self._rate_form: RateHeaders = settings.rate_form
        self._base = settings.base_url.rstrip("/")
        self._client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={settings.host},
            authorization=authorization,
            headers=tuple(settings.headers.items()),
            signer=signer,
            now=self._clock.now,
            nonce=nonce,
        )
        self._errors = ErrorTable(settings.host, settings.known, request_id=settings.request_id)

    async def send(self, call: RestRequest, key: str | None = None) -> Response:
        """Send it once; its answer, if it is a good one, or says that nothing has changed.

        Raises:
            ProviderError: what its refusal means.
        """
        reply = await self.exchange(call, key)
        if 200 <= reply.status < 300 or reply.status == NOT_MODIFIED:
            return reply
        raise self.refusal(reply)

    async def exchange(self, call: RestRequest, key: str | None = None) -> Response:
        """Send it once; its answer, of whatever status.

        Raises:
            ProviderError: there is none, or a redirect leads elsewhere.
        """
        headers = self._headers(call, key)
        reply = await self._client.send(
            call.method, call.target, headers=headers, body=call.content(), again=_replayable(call)
        )
        if call.redirects and reply.status in _REDIRECTS:
            reply = await self._followed(call, headers, reply)
        if call.compressed and reply.body:
            reply = self._unfolded(reply)
        return reply

    @asynccontextmanager
    async def stream(
        self, call: RestRequest, *, bytes_max: int | None, idle: float | None = None
    ) -> AsyncGenerator[StreamedResponse]:
        """Send it once; its answer as it comes, if it is a good one. Redirects are not followed.

        After a 401 it is sent once more, where there are other credentials by then.

        Args:
            call: that one.
            bytes_max: see `StreamingTransport.stream`.
            idle: see there.

        Raises:
            ProviderError: what its refusal means.
        """
        again = _replayable(call)
        while True:
            request = await self._client.prepared(
                call.method,
                self._client.url(call.target),
                headers=self._headers(call, None),
                body=call.content(),
            )
            async with self._streamed(request, bytes_max, idle) as reply:
                if 200 <= reply.status < 300:
                    yield reply
                    return
                body = await _beginning(reply)
            if reply.status != 401 or not (await self._client.renewed(request) and again):
                break
            again = False
        raise self.refusal(Response(status=reply.status, headers=reply.headers, body=body))

    @asynccontextmanager
    async def _streamed(
        self, request: Request, bytes_max: int | None, idle: float | None
    ) -> AsyncGenerator[StreamedResponse]:
        most = None if bytes_max is None else max(bytes_max, _ERROR_BYTES)
        if (seen := exchange.get()) is not None:
            seen.sent(request)
        async with self._transport.stream(
            request, bytes_max=most, whole=STREAM_SECONDS_MAX, idle=idle
        ) as reply:
            if seen is not None:
                seen.answered(reply)
            yield reply

    def secrets(self) -> Sequence[str]:
        """What must not be shown if the API quotes it."""
        return self._client.secrets()

    def below(self, target: str, said: str) -> str:
        """The path and query of what a page named, if that is one of this connection's.

        Args:
            target: of the page.
            said: an address, or what of one differs from the page's.

        Raises:
            UnexpectedResponseError: it is somewhere else, where nothing of ours goes.
        """
        url = self._joined(self._client.url(target), said)
        parts, base = urlsplit(url), urlsplit(self._base)
        inside = parts.path.startswith(f"{base.path}/") or parts.path == base.path
        dots = not _DOTS.isdisjoint(unquote(parts.path).split("/"))
        if _origin(url) != _origin(self._base) or not inside or dots:
            raise self._elsewhere(url)
        path = parts.path[len(base.path) :] or "/"
        found = f"{path}?{parts.query}" if parts.query else path
        try:
            self._client.url(found)
        except InvalidRequestError:
            raise self._elsewhere(url) from None
        return found

    def url(self, target: str) -> str:
        """The address of a path with its query."""
        return self._client.url(target)

    def news(self, reply: Response) -> QuotaNews | None:
        """What an answer says is left of a limit."""
        return quota_in(reply.headers, self._rate_form, now=self._clock.now)

    def refusal(self, reply: Response) -> ProviderError:
        """The error for an answer that is no success."""
        if reply.status < 400:
            return UnexpectedResponseError(
                f"{self.provider} answered {reply.status}: redirects are not followed, unless a "
                "GET or HEAD asks for it with redirects=",
                provider=self.provider,
                status=reply.status,
                outcome_known=True,
            )
        error = self._errors.refusal(reply, self._problem(reply), self.secrets())
        if reply.status == 403 and not isinstance(error, RateLimitedError):
            error = self._slowed(reply, error)
        if isinstance(error, RateLimitedError) and error.retry_after is None:
            news = self.news(reply)
            if news is not None and news.quota.remaining == 0:
                error.retry_after = news.quota.reset_in
        return error

    def _slowed(self, reply: Response, error: ProviderError) -> ProviderError:
        """Some say 403 for too many calls: with a wait, nothing left, or in words."""
        news = self.news(reply)
        empty = news is not None and news.quota.remaining == 0
        worded = any(one in str(error).lower() for one in _LIMIT_WORDS)
        if error.retry_after is None and not empty and not worded:
            return error
        wait = error.retry_after
        if wait is None and not empty:
            wait = SLOW_DOWN_SECONDS
        return RateLimitedError(
            str(error),
            provider=self.provider,
            status=reply.status,
            vendor_code=error.vendor_code,
            request_id=error.request_id,
            retry_after=wait,
        )

    def _headers(self, call: RestRequest, key: str | None) -> tuple[tuple[str, str], ...]:
        headers = call.headers
        name = self.settings.idempotency_header
        if key is not None and name is not None:
            headers = (*headers, (name, key))
        if call.compressed:
            headers = (*headers, ("accept-encoding", accepted()))
        return headers

    def _unfolded(self, reply: Response) -> Response:
        encoding = ", ".join(reply.headers.all("content-encoding"))
        try:
            body = unfolded(reply.body, encoding, bytes_max=self.settings.body_bytes_max)
        except UnexpectedResponseError as error:
            error.provider, error.status = self.provider, reply.status
            raise
        return replace(reply, body=body)

    async def _followed(
        self, call: RestRequest, headers: tuple[tuple[str, str], ...], reply: Response
    ) -> Response:
        """Where redirects lead, as far as they may: a page of this API, or one without secrets."""
        url = self._client.url(call.target)
        for _ in range(call.redirects):
            if reply.status not in _REDIRECTS:
                break
            before, url = url, self._next(url, reply)
            if _origin(before) == _origin(url) == _origin(self._base):
                request = await self._client.prepared(call.method, url, headers=headers)
            elif urlsplit(url).hostname in self.settings.hosts:
                plain = tuple(one for one in headers if one[0].lower() in _HARMLESS)
                request = Request(
                    method=call.method, url=url, headers=(("user-agent", USER_AGENT), *plain)
                )
            else:
                raise self._elsewhere(url)
            reply = await self._transport.send(request)
        return reply

    def _next(self, url: str, reply: Response) -> str:
        location = self._joined(url, reply.headers.get("location", ""))
        try:
            checked_url(location, key="location")
        except ConfigurationError:
            raise self._elsewhere(location) from None
        if urlsplit(url).scheme == "https" and urlsplit(location).scheme != "https":
            raise self._elsewhere(location)
        return location

    def _joined(self, url: str, said: str) -> str:
        try:
            joined = urljoin(url, said)
            _ = urlsplit(joined).port
        except ValueError:
            raise self._elsewhere("") from None
        return joined

    def _elsewhere(self, url: str) -> UnexpectedResponseError:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "what is no address"
        return UnexpectedResponseError(
            f"{self.provider} leads to {where:.100}, and nothing of this connection goes there",
            provider=self.provider,
            outcome_known=True,
        )

    def _problem(self, reply: Response) -> Problem:
        """What the body says, at the pointers of the settings or where most say it."""
        document: object = None
        if is_json(reply.headers.get("content-type", "application/json")):
            try:
                document = msgspec.json.decode(reply.body)
            except UNREADABLE:
                document = None
        error = self.settings.error
        code = _word(document, (error["code"],) if "code" in error else _CODES)
        message = _word(document, (error["message"],) if "message" in error else _MESSAGES)
        return Problem(
            status=reply.status,
            code=None if code == "about:blank" else code,  # RFC 9457, 4.2.1
            message=message or "",
        )


_HARMLESS: Final = frozenset({"accept", "accept-encoding", "accept-language"})
"""Headers of the caller's that another host may see."""


def _word(document: object, pointers: Sequence[str]) -> str | None:
    for pointer in pointers:
        found = at_pointer(document, pointer)
        if isinstance(found, (str, int)) and not isinstance(found, bool) and found != "":
            return str(found)[:1000]
    return None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, however they are written."""
    parts = urlsplit(url)
    host = parts.netloc if "@" in parts.netloc else parts.hostname or ""
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme)


def _replayable(call: RestRequest) -> bool:
    return isinstance(call.body, bytes)


async def _beginning(reply: StreamedResponse) -> bytes:
    """As much of a refusal as is looked at."""
    body = b""
    async for piece in reply:
        body += piece
        if len(body) >= _ERROR_BYTES:
            break
    return body[:_ERROR_BYTES]
