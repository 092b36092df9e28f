"""One connection to a WebSocket: opened with the credentials of the moment, over `websockets`."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from hardpoint.clients.rest.credentials import credentials
from hardpoint.clients.rest.requests import header_pairs
from hardpoint.clients.websocket.settings import WebSocketSettings
from hardpoint.core.arguments import KINDS_OF_BYTES, expect
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    OutcomeUnknownError,
    ProviderError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.http.limits import checked_url
from hardpoint.http.messages import Headers, Request, Response
from hardpoint.http.wire.outgoing import outgoing
from hardpoint.http.wire.trust import context_of

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
_WS: Final = {"https": "wss", "http": "ws"}
_REFUSAL_CHARACTERS: Final = 300
_HANDSHAKE: Final = frozenset({"connection", "upgrade"})

Connector = Callable[..., Awaitable[ClientConnection]]


def connector(settings: WebSocketSettings) -> Connector:
    """The effect of the driver: opens a connection, once. It follows nothing and no proxy."""
    contexts: list[ssl.SSLContext] = []

    async def opened(url: str, headers: Sequence[tuple[str, str]], **options: Any) -> Any:
        if url.startswith("wss:"):
            if not contexts:
                contexts.append(await asyncio.to_thread(context_of, settings.trust))
            options["ssl"] = contexts[0]
        return await _Once(
            url,
            additional_headers=headers,
            user_agent_header=None,
            proxy=None,
            ping_interval=None,  # whoever reads sees to that: only then an answer can be read
            close_timeout=CLOSE_SECONDS,
            open_timeout=OPEN_SECONDS,
            create_connection=_Bounded,
            **options,
        )

    return opened


@final
class _Once(connect):
    """A redirect is an answer like any other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@final
class _Bounded(ClientConnection):
    """A close that the other side does not finish is finished here: `recv` would wait on."""

    _closing = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._closing and self.protocol.close_expected():
            self._closing = True
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


@final
class WebSocketDriver:
    """Any WebSocket.

    Args:
        connector: how.
        settings: where and as whom.
    """

    def __init__(self, connector: Connector, settings: WebSocketSettings) -> None:
        authorization, signer = credentials(settings)
        self.settings = settings
        self.provider = settings.host
        self.capabilities = Capabilities(frozenset(), idempotency=Idempotency.NONE)
        self._connector = connector
        self._authorization = authorization
        self._client = ApiClient(
            _NOTHING,
            base_url=settings.base_url,
            hosts={settings.host},
            authorization=authorization,
            headers=tuple(settings.headers.items()),
            signer=signer,
        )
        self._errors = ErrorTable(settings.host, settings.known, request_id=settings.request_id)

    async def open(
        self,
        target: str,
        headers: Mapping[str, str],
        subprotocols: Sequence[str],
        *,
        bytes_max: int,
        messages_max: int,
    ) -> ClientConnection:
        """Open it once.

        Args:
            target: a path below the base URL, or an address that the other side has named: on its
                own host, or on one of `hosts`, which sees no credentials.
            headers: beside the connection's own.
            subprotocols: beside those of the settings.
            bytes_max: the largest message that is taken.
            messages_max: how many are read ahead.

        Raises:
            InvalidRequestError: a header is the connection's to set, or none that HTTP allows.
            ProviderError: what its refusal means, or that there is no connection.
        """
        request = await self._request(target, headers)
        outgoing(request)  # the library would write whatever it is given
        again = True
        while True:
            try:
                return await self._connector(
                    request.url.replace("http", "ws", 1),
                    request.headers,
                    subprotocols=(*subprotocols, *self.settings.subprotocols) or None,
                    max_size=bytes_max,
                    max_queue=messages_max,
                )
            except InvalidStatus as error:
                failure = self._refusal(error)
                if failure.status == 401 and again and await self.renewed(request):
                    request, again = await self._request(target, headers), False
                    continue
            except (OSError, WebSocketException, EOFError) as error:
                failure = UnavailableError(
                    f"no connection to {request.shown}: {type(error).__name__}",
                    provider=self.provider,
                )
            raise failure

    async def proof(self) -> Sequence[tuple[str, str]]:
        """The headers that prove who calls, for protocols that want them in a message."""
        return await self._authorization.headers()

    async def renewed(self, request: Request) -> bool:
        """A request was refused; whether there are other credentials by now."""
        return await self._client.renewed(request)

    async def refused(self) -> bool:
        """The same after a close that says so."""
        return await self.renewed(await self._request("/", {}))

    async def _request(self, target: str, headers: Mapping[str, str]) -> Request:
        own = _own(headers)
        if target.startswith("/"):
            return await self._client.prepared("GET", self._client.url(target), headers=own)
        url = checked_url(_as_http(target), key="url")
        host = urlsplit(url).hostname
        if host == self.settings.host:
            return await self._client.prepared("GET", url, headers=own)
        if host not in self.settings.hosts:
            raise ConfigurationError(
                "hosts", f"has no {host!r:.100}, where the other side wants to be called"
            )
        return Request(method="GET", url=url, headers=own)

    def _refusal(self, error: InvalidStatus) -> ProviderError:
        answer = error.response
        if answer.status_code < 400:
            return UnexpectedResponseError(
                f"{self.provider} answered {answer.status_code}: it opens no WebSocket, and "
                "redirects are not followed",
                provider=self.provider,
                status=answer.status_code,
                outcome_known=True,
            )
        pairs = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in answer.headers.raw_items()
        ]
        body = bytes(answer.body or b"")
        reply = Response(status=answer.status_code, headers=Headers(pairs), body=body)
        words = body.decode("utf-8", "replace")[:_REFUSAL_CHARACTERS]
        problem = Problem(status=reply.status, code=None, message=words)
        refusal = self._errors.refusal(reply, problem, self._client.secrets())
        if not isinstance(refusal, OutcomeUnknownError):
            return refusal
        return UnavailableError(  # a handshake does nothing
            str(refusal),
            provider=self.provider,
            status=refusal.status,
            retry_after=refusal.retry_after,
        )


def encoded(message: str | bytes) -> bytes:
    """A message as it is sent; within the library a wrong one would be the end of the connection.

    Raises:
        InvalidRequestError: it is neither text nor bytes, or has half a character.
    """
    expect(message, (str, *KINDS_OF_BYTES), "message", "text or bytes")
    try:
        return message.encode() if isinstance(message, str) else message
    except UnicodeEncodeError:
        raise InvalidRequestError("has half a character", field="message") from None


def _own(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The caller's own headers."""
    own = header_pairs(headers, if_match=None, key_header=None)
    for name, _ in own:
        if name.lower() in _HANDSHAKE or name.lower().startswith("sec-websocket-"):
            raise InvalidRequestError("is the connection's to set", field=f"headers.{name}")
    return own


def _as_http(url: str) -> str:
    scheme, colon, rest = url.partition("://")
    known = {"wss": "https", "ws": "http"}
    if scheme not in known:
        raise InvalidRequestError("is no address of a WebSocket", field="url")
    return f"{known[scheme]}{colon}{rest}"


_NOTHING: Final[Any] = None
"""In place of a transport: requests are prepared here, and sent by the connector."""
