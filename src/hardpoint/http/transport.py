"""Sending one request: no redirect, no proxy from the environment, no retry, a capped answer."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self, final
from urllib.parse import urlsplit

import httpx2
import msgspec

from hardpoint.core.errors import ConfigurationError, OutcomeUnknownError, UnavailableError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, its body cut at the cap."""

    status: int
    headers: dict[str, str]
    body: bytes


def checked_url(url: str, *, key: str) -> str:
    """A URL we are willing to send to: https, or http on loopback; no user-info.

    Raises:
        ConfigurationError: it is not; `key` is the setting's path.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(key, "is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(key, "is not an http or https URL")
    if "@" in parts.netloc:
        raise ConfigurationError(key, "holds credentials", fix="They do not belong in a URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(key, "is not https", fix="Only loopback may be plain http")
    return url


@final
class Transport:
    """An asynchronous sender with a pool of connections; use it as `async with`.

    Args:
        timeout: seconds for each of connecting, sending and every wait for bytes.
        body_bytes_max: how much of an answer is read.
    """

    def __init__(self, *, timeout: float = 10.0, body_bytes_max: int = 16 * 1024) -> None:
        self._client = httpx2.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, verify=True
        )
        self._body_bytes_max = body_bytes_max

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Response:
        """Send once.

        Raises:
            UnavailableError: nothing was sent: no connection.
            OutcomeUnknownError: it was, wholly or in part, and no answer came.
        """
        try:
            async with self._client.stream(
                "POST", url, headers=list(headers), content=body
            ) as answer:
                return Response(
                    status=answer.status_code,
                    headers=dict(answer.headers),
                    body=await self._read(answer),
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise UnavailableError(f"no connection: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise OutcomeUnknownError(f"no answer: {type(error).__name__}") from error

    async def _read(self, answer: httpx2.Response) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) >= self._body_bytes_max:
                break
        return bytes(body[: self._body_bytes_max])

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
