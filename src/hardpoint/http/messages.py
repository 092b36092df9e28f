"""One request, its answer, and the effect that turns one into the other."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar, final, overload

import msgspec
from msgspec.structs import force_setattr

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.redaction import MASK, redacted_url

_Default = TypeVar("_Default")


class BodyStream(msgspec.Struct, frozen=True):
    """A body that need not be in memory: its pieces are asked for as the other side takes them.

    A request with one can be sent once. Where the pieces are more or fewer bytes than `size`, it is
    never sent whole.

    Attributes:
        size: bytes, all together.
        pieces: in order; 64 KiB each is a good measure.
    """

    size: int
    pieces: AsyncIterable[bytes]

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InvalidRequestError("has a size below 0", field="body")

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"BodyStream({self.size} bytes)"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it goes out.

    Attributes:
        method: `POST`.
        url: absolute.
        headers: in order; `host` and `content-length` are the transport's to add. One that says
            `accept-encoding` gets its answer encoded as it came; else no encoded one is taken.
        body: the bytes, or where they come from; each piece of those has `timeout` as well.
        timeout: seconds this request may wait for each step, if less than the transport's own.
        address: an IP address to connect to, or several to try in turn, in place of whatever the
            URL's host resolves to.
        secret_path: the URL's path is a credential, and is shown nowhere.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | BodyStream = b""
    timeout: float | None = None
    address: str | tuple[str, ...] | None = None
    secret_path: bool = False

    @property
    def shown(self) -> str:
        """The URL, as far as logs and errors may have it."""
        shown = redacted_url(self.url)
        return f"{'/'.join(shown.split('/')[:3])}/{MASK}" if self.secret_path else shown

    def __repr__(self) -> str:
        return f"Request({self.method} {self.shown}, {len(self.body)} bytes)"


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

    @property
    def pairs(self) -> Sequence[tuple[bytes, bytes]]:
        """As they came, in order."""
        return self._pairs

    def all(self, name: str) -> Sequence[str]:
        """Every value of a header, in order; none when it is absent."""
        return self._all().get(name, ())

    def __getitem__(self, name: str) -> str:
        return self._all()[name][-1]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...

    @overload
    def get(self, name: str, default: str, /) -> str: ...

    @overload
    def get(self, name: str, default: _Default, /) -> str | _Default: ...

    def get(self, name: str, default: object = None, /) -> object:
        """Its value, or the default where it is absent; what `Mapping` has raises for each."""
        found = self._all().get(name)
        return default if found is None else found[-1]

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
        if not isinstance(self.headers, Headers):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may give a dict
            force_setattr(self, "headers", Headers.of(self.headers))

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


@final
class StreamedResponse:
    """An answer whose body comes in pieces, to whoever iterates over it; once.

    Nothing is read ahead beyond two pieces of at most 128 KiB: while nobody takes them, the other
    side has to wait.

    Args:
        status: of its head.
        headers: of its head.
        pieces: the body.

    Raises (while iterating):
        OutcomeUnknownError: the rest does not come: cut off, not HTTP, or not in time.
        UnexpectedResponseError: it is larger than asked for.
    """

    __slots__ = ("_pieces", "headers", "status")

    def __init__(self, status: int, headers: Headers, pieces: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    def __repr__(self) -> str:
        return f"StreamedResponse({self.status})"


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


class StreamingTransport(Transport, Protocol):
    """Takes large answers too: both shells are one."""

    def stream(
        self,
        request: Request,
        *,
        bytes_max: int | None = None,
        whole: float | None = None,
        idle: float | None = None,
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Send it once, and take its answer piece by piece, within the block.

        The transport's `timeout` bounds each wait for bytes, not the time between them that the
        caller takes. Its `exchange`, and the deadline of the running call, bound all of it. Neither
        given, it lasts as long as bytes come. A block that is left before the last piece costs the
        connection, nothing else.

        Args:
            request: that one.
            bytes_max: the largest body taken; any without. The transport's own cap is for answers
                that are held in memory.
            whole: seconds for all of it, in place of what the deadline of the running call leaves.
            idle: seconds to wait for bytes once the head has come, in place of the transport's own.

        Raises:
            HardpointError: as `send` does, until the head of the answer has come; then while the
                pieces are taken.
        """
        ...
