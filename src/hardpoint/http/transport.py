"""Sending one request: no redirect, no proxy from the environment, no cookie, no retry.

The answer is read up to a cap.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self, final
from urllib.parse import urlsplit

import httpx2
import msgspec

from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_IDLE_CONNECTIONS = 32


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, names of headers in lower case, the body cut at the cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def checked_url(url: str, *, key: str) -> str:
    """A URL we are willing to send to: https, or http on loopback; no user-info.

    Raises:
        ConfigurationError: it is not; `key` is the setting's path. The URL itself is not repeated,
            since it may hold what is secret.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(key, "is not a URL") from None
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigurationError(key, "is not a URL", fix="Percent-encode what is not ASCII")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(key, "is not an http or https URL")
    if "@" in parts.netloc:
        raise ConfigurationError(key, "holds credentials", fix="They do not belong in a URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(key, "is not https", fix="Only loopback may be plain http")
    return url


@final
class Transport:
    """An asynchronous sender with a pool of connections; use it as `async with`, or close it.

    Its callers bound how many requests are under way. After `close` it can be used anew.

    Args:
        timeout: seconds for each of connecting, sending and every wait for bytes.
        body_bytes_max: how much of an answer is read.
    """

    def __init__(self, *, timeout: float = 10.0, body_bytes_max: int = 16 * 1024) -> None:
        self._timeout = timeout
        self._body_bytes_max = body_bytes_max
        self._client: asyncio.Task[httpx2.AsyncClient] | None = None

    async def post(self, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Response:
        """Send once.

        Args:
            url: as `checked_url` let it pass.
            headers: names and values as they go over the wire.
            body: raw.

        Raises:
            InvalidRequestError: nothing was sent: HTTP has no such header or URL.
            UnavailableError: nothing was sent: no connection.
            OutcomeUnknownError: it was, wholly or in part, and no answer came.
        """
        client = await self._opened()
        try:
            async with client.stream("POST", url, headers=[*headers], content=body) as answer:
                return Response(
                    status=answer.status_code,
                    headers=dict(answer.headers),
                    body=await self._read(answer),
                )
        except (httpx2.InvalidURL, httpx2.LocalProtocolError) as error:
            raise InvalidRequestError(f"not sent: {type(error).__name__}") from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise UnavailableError(f"no connection: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise OutcomeUnknownError(f"no answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close every connection."""
        opening, self._client = self._client, None
        if opening is not None:
            await (await opening).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = asyncio.create_task(asyncio.to_thread(_client, self._timeout))
        return await asyncio.shield(self._client)

    async def _read(self, answer: httpx2.Response) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) >= self._body_bytes_max:
                break
        return bytes(body[: self._body_bytes_max])


def _client(timeout: float) -> httpx2.AsyncClient:
    """In a thread: reading the trusted certificates takes some 30 ms."""
    return httpx2.AsyncClient(
        timeout=timeout,
        limits=httpx2.Limits(max_keepalive_connections=_IDLE_CONNECTIONS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
        verify=True,
    )
