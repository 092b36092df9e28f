"""A client bound to one provider's host: its credentials go there and nowhere else."""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from time import time
from typing import final
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from hardpoint.core.correlation import carried
from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.http.auth import Authorization
from hardpoint.http.exchanges import exchange
from hardpoint.http.limits import checked_base_url, on_loopback
from hardpoint.http.messages import BodyStream, Request, Response, Transport
from hardpoint.http.signing.signer import RequestProof

_TARGET = re.compile(r"/[!-\[\]-~]*", re.ASCII)  # visible ASCII without the backslash
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)  # what `quote` leaves as it is, and is slow to
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
        signer: proves each request besides, where the provider wants that.
        now, nonce: effects: Unix seconds, and a text that was never there before; for signatures.

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
        signer: RequestProof | None = None,
        now: Callable[[], float] = time,
        nonce: Callable[[], str] = secrets.token_hex,
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
        self._signer = signer
        self._now = now
        self._nonce = nonce

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | BodyStream = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - passed on, in place of the transport's own
        again: bool = False,
    ) -> Response:
        """Send one request to a path, with its query if it has one; see `Transport.send`.

        Args:
            method: `POST`.
            target: path and query.
            headers: beside the client's own.
            body: see `Request`.
            timeout: see `Request`.
            again: send it once more after a 401, where there are other credentials by then: a 401
                says that nothing was done.
        """
        url, beside = self.url(target), (*self._headers, *headers)
        own = await self._authorization.headers()
        response = await self._sent(self._made(method, url, (*own, *beside), body, timeout))
        if response.status == 401:
            await self._authorization.rejected(own)
            if again and (renewed := await self._authorization.headers()) != own:
                return await self._sent(self._made(method, url, (*renewed, *beside), body, timeout))
        return response

    async def _sent(self, request: Request) -> Response:
        """Send it, in the sight of whoever watches the attempt."""
        seen = exchange.get()
        if seen is None:
            return await self._transport.send(request)
        seen.sent(request)
        response = await self._transport.send(request)
        seen.answered(response)
        return response

    async def prepared(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | BodyStream = b"",
    ) -> Request:
        """A request that carries the credentials, for whoever sends it in another way.

        Args:
            method: `GET`.
            url: as `url` made it, or on the same origin.
            headers: beside the client's own.
            body: see `Request`.
        """
        own = await self._authorization.headers()
        return self._made(method, url, (*own, *self._headers, *headers), body, None)

    async def rejected(self, request: Request) -> None:
        """A request of `prepared` was answered 401."""
        await self._authorization.rejected(request.headers)

    async def renewed(self, request: Request) -> bool:
        """The same; whether there are other credentials by now."""
        await self.rejected(request)
        now = await self._authorization.headers()
        return not set(now) <= set(request.headers)

    def url(self, target: str) -> str:
        """The address of a path with its query.

        Raises:
            InvalidRequestError: it is none, or leads out of where the paths of this client are.
        """
        if not _TARGET.fullmatch(target) or "/../" in f"{target.partition('?')[0]}/":
            raise InvalidRequestError(f"{target!r:.80} is not a path", field="path")
        return self._base + target

    def secrets(self) -> Sequence[str]:
        """What must not be shown if the provider quotes it."""
        own = self._authorization.secrets()
        return own if self._signer is None else (*own, *self._signer.secrets())

    def _made(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | BodyStream,
        timeout: float | None,
    ) -> Request:
        if told := carried():
            named = {name.lower() for name, _ in headers}
            headers = (*headers, *(one for one in told if one[0] not in named))
        request = Request(
            method=method,
            url=url,
            headers=headers,
            body=body,
            timeout=timeout,
            secret_path=self._secret_path,
        )
        if self._signer is None:
            return request
        proof = self._signer.signed(request, now=self._now(), nonce=self._nonce)
        return replace(request, headers=(*request.headers, *proof))


def segment(text: str) -> str:
    """A value as one segment of a path, whatever it holds."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")
