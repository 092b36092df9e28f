"""How a request to storage is proved: by the account's key, a shared access signature or a token.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key and
https://learn.microsoft.com/rest/api/storageservices/create-service-sas, read 2026-12-01.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import final
from urllib.parse import parse_qsl, urlsplit

from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.providers.azure import key_bytes

VERSION = "2025-01-05"
"""Of the service; its answers are as this version has them."""

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_OWN = "x-ms-"
_Pairs = Sequence[tuple[str, str]]


@final
class SharedKey:
    """The key of an account.

    Args:
        account: whose.
        key: signs.
    """

    def __init__(self, account: str, key: Secret) -> None:
        self._account = account
        self._key = key

    async def headers(
        self, method: str, url: str, headers: _Pairs, body: bytes, *, now: float
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers with its signature."""
        named = (*headers, ("x-ms-date", _date(now)), ("x-ms-version", VERSION))
        text = self._canonical(method, url, dict(named), len(body))
        proof = f"SharedKey {self._account}:{self.seal(text)}"
        return (*named, ("authorization", proof))

    async def rejected(self, code: str | None) -> None:
        """Nothing: what is configured stays as it is."""

    def secrets(self) -> Sequence[str]:
        """The key."""
        return (self._key.reveal(),)

    def seal(self, text: str) -> str:
        """The signature of a text."""
        return sealed(key_bytes(self._key), text)

    def _canonical(self, method: str, url: str, headers: dict[str, str], size: int) -> str:
        """The request as both sides write it before they sign."""
        if size:
            headers["content-length"] = str(size)
        parts = urlsplit(url)
        lines = [method, *(headers.get(name, "") for name in _SIGNED)]
        own = sorted((name for name in headers if name.startswith(_OWN)), key=_weight)
        lines += [f"{name}:{headers[name]}" for name in own]
        lines.append(f"/{self._account}{parts.path}")
        lines += [f"{name}:{value}" for name, value in sorted(_query(parts.query))]
        return "\n".join(lines)


@final
class SharedSignature:
    """A signature that somebody else has made; it stands in the query."""

    def __init__(self, sas: Secret) -> None:
        self._sas = sas

    async def headers(
        self, method: str, url: str, headers: _Pairs, body: bytes, *, now: float
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers, to which there is little to add."""
        return (*headers, ("x-ms-version", VERSION))

    async def rejected(self, code: str | None) -> None:
        """Nothing: what is configured stays as it is."""

    def secrets(self) -> Sequence[str]:
        """The signature, and the whole of it."""
        text = self._sas.reveal().removeprefix("?")
        return (text, *(value for name, value in parse_qsl(text) if name == "sig"))


@final
class TokenProof:
    """A token of an identity."""

    def __init__(self, tokens: Authorization) -> None:
        self._tokens = tokens
        self._latest: Sequence[tuple[str, str]] = ()

    async def headers(
        self, method: str, url: str, headers: _Pairs, body: bytes, *, now: float
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers with the token."""
        self._latest = await self._tokens.headers()
        own = (("x-ms-date", _date(now)), ("x-ms-version", VERSION))
        return (*headers, *own, *self._latest)

    async def rejected(self, code: str | None) -> None:
        """The next request asks for another token."""
        await self._tokens.rejected(self._latest)

    def secrets(self) -> Sequence[str]:
        """The latest token."""
        return self._tokens.secrets()


def sealed(key: bytes, text: str) -> str:
    """The signature of a text."""
    return b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode("ascii")


def moment(seconds: float) -> str:
    """A time as signatures write it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(seconds: float) -> str:
    from email.utils import formatdate  # 10 ms of import

    return formatdate(seconds, usegmt=True)


def _weight(name: str) -> str:
    """The service sorts as people do: without hyphens, and underscores before all else."""
    return name.replace("-", "").replace("_", "!")


def _query(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
