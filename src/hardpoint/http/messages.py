"""One request, its answer, and the effect that turns one into the other."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from hardpoint.http.redaction import redacted_url


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it goes out.

    Attributes:
        method: `POST`.
        url: absolute.
        headers: in order; `host` and `content-length` are the transport's to add.
        body: the bytes.
        timeout: seconds this request may wait for each step, if less than the transport's own.
        address: an IP address to connect to, in place of whatever the URL's host resolves to.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout: float | None = None
    address: str | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {redacted_url(self.url)}, {len(self.body)} bytes)"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, whole. Header names are lower case; of a repeated one the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class Transport(Protocol):
    """Sends one request once: an effect. It never retries, follows or caches."""

    async def send(self, request: Request) -> Response:
        """Send it.

        Raises:
            InvalidRequestError: nothing was sent: HTTP has no such header or URL.
            UnavailableError: nothing was sent: no connection.
            DeadlineTooShortError: nothing was sent, no time is left.
            OutcomeUnknownError: it was, wholly or in part, and no whole answer came.
            UnexpectedResponseError: the answer is larger than the cap, or encoded.
        """
        ...
