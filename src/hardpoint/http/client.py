"""A client bound to one provider's host: its credentials go there and nowhere else."""

import re
from collections.abc import Collection, Sequence
from typing import final
from urllib.parse import quote, urlsplit

from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url, on_loopback
from hardpoint.http.messages import Request, Response, Transport

_TARGET = re.compile(r"/[!-\[\]-~]*", re.ASCII)  # visible ASCII without the backslash
USER_AGENT = "hardpoint/0.1"


@final
class ApiClient:
    """Sends requests to paths below one base URL, with the connection's credentials.

    Args:
        transport: how.
        base_url: where; `https` on one of `hosts`, or any address on loopback (a fake).
        hosts: the provider's own hosts.
        authorization: makes the headers that carry the credentials.
        headers: sent with every request, such as a pinned API version.
        secret_path: the paths are credentials, and are shown nowhere.

    Raises:
        ConfigurationError: the base URL is not the provider's, or not one for these credentials.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        base_url: str,
        hosts: Collection[str],
        authorization: Authorization,
        headers: Sequence[tuple[str, str]] = (),
        secret_path: bool = False,
    ) -> None:
        host = urlsplit(checked_base_url(base_url, hosts)).hostname
        if not on_loopback(host) and not authorization.permits(host or ""):
            raise ConfigurationError(
                "base_url", "is not a host that these credentials may be sent to"
            )
        self._transport = transport
        self._base = base_url.rstrip("/")
        self._authorization = authorization
        named = any(name == "user-agent" for name, _ in headers)
        self._headers = (*(() if named else (("user-agent", USER_AGENT),)), *headers)
        self._secret_path = secret_path

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - passed on, in place of the transport's own
    ) -> Response:
        """Send one request to a path, with its query if it has one; see `Transport.send`.

        Credentials that a 401 refuses are not tried again: that is for the caller to decide.
        """
        if not _TARGET.fullmatch(target) or "/../" in f"{target.partition('?')[0]}/":
            raise InvalidRequestError(f"{target!r:.80} is not a path", field="path")
        own = await self._authorization.headers()
        response = await self._transport.send(
            Request(
                method=method,
                url=self._base + target,
                headers=(*own, *self._headers, *headers),
                body=body,
                timeout=timeout,
                secret_path=self._secret_path,
            )
        )
        if response.status == 401:
            await self._authorization.rejected(own)
        return response

    def secrets(self) -> Sequence[str]:
        """What must not be shown if the provider quotes it."""
        return self._authorization.secrets()


def segment(text: str) -> str:
    """A value as one segment of a path, whatever it holds."""
    return quote(text, safe="")
