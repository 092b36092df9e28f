"""One request, its answer, and the effect that turns one into the other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, final

import msgspec
from msgspec.structs import force_setattr

from hardpoint.http.redaction import redacted_url


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it goes out.

    Attributes:
        method: `POST`.
        url: absolute.
        headers: in order; `host` and `content-length` are the transport's to add.
        body: the bytes.
        timeout: seconds this request may wait for each step, if less than the transport's own.
        address: an IP address to connect to, or several to try in turn, in place of whatever the
            URL's host resolves to.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout: float | None = None
    address: str | tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {redacted_url(self.url)}, {len(self.body)} bytes)"


@final
class Headers(Mapping[str, str]):
    """An answer's headers, by their names in small letters; of a repeated one the last.

    Args:
        pairs: as they came, in order.
    """

    __slots__ = ("_known", "_pairs")

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        self._known: dict[str, list[str]] | None = None  # nobody may ask

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Headers":
        """The same from a mapping."""
        return cls([(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()])

    def all(self, name: str) -> Sequence[str]:
        """Every value of a header, in order; none when it is absent."""
        return self._all().get(name, ())

    def __getitem__(self, name: str) -> str:
        return self._all()[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"

    def _all(self) -> dict[str, list[str]]:
        if self._known is None:
            known: dict[str, list[str]] = {}
            for name, value in self._pairs:
                text = value.decode("latin-1").strip(" \t")
                known.setdefault(name.decode("latin-1").lower(), []).append(text)
            self._known = known
        return self._known


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, whole; headers from a plain mapping will do in tests."""

    status: int
    headers: Headers
    body: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.headers, Headers):  # pyright: ignore[reportUnnecessaryIsInstance]
            force_setattr(self, "headers", Headers.of(self.headers))

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
