"""Compressed answers, within bounds: a small one may unfold to more than there is memory.

gzip and deflate come with Python; `br` is taken where the package `brotli` is installed. What is
unfolded is bounded before it is made, and beyond 1 MiB no more than a hundredfold of what came is
taken.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final, final

from hardpoint.core.errors import UnexpectedResponseError

RATIO_MAX: Final = 100
RATIO_FROM_BYTES: Final = 1024 * 1024
"""Up to so much, any ratio will do: small answers that repeat themselves compress very well."""

_PIECE_BYTES: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_PLAIN: Final = frozenset({"", "identity"})


@final
class Unfolding:
    """One compressed body, unfolded as it comes.

    Args:
        encoding: `gzip`, `deflate` or `br`, as the answer's `content-encoding` has it.
        bytes_max: the most that is taken of it, unfolded; any without.

    Raises (every method too):
        UnexpectedResponseError: it is encoded otherwise, broken, or larger than it may be.
    """

    def __init__(self, encoding: str, bytes_max: int | None) -> None:
        self._brotli: Any = None
        if encoding == "br" and (library := bounded_brotli()) is not None:
            self._brotli = library.Decompressor()
        elif encoding not in {"gzip", "x-gzip", "deflate"}:
            raise UnexpectedResponseError(f"the answer is encoded as {encoding!r:.40}")
        self._gzip = encoding != "deflate"
        self._most = bytes_max
        self._taken = 0
        self._made = 0
        self._engine = zlib.decompressobj(_GZIP) if self._gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What some more bytes unfold to, in pieces of bounded size."""
        self._taken += len(data)
        if self._brotli is not None:
            yield from self._feed_brotli(data)
            return
        while data:
            engine = self._engine or self._begun(data[0])
            if engine.eof:
                if not self._gzip:
                    raise UnexpectedResponseError("something follows the compressed answer")
                engine = self._engine = zlib.decompressobj(_GZIP)  # another member: RFC 1952, 2.2
            try:
                piece = engine.decompress(data, _PIECE_BYTES)
            except zlib.error:
                raise UnexpectedResponseError("the answer is not compressed as it says") from None
            data = engine.unconsumed_tail or engine.unused_data
            self._check(len(piece))
            if piece:
                yield piece

    def end(self) -> None:
        """See that it came whole."""
        if self._brotli is not None:
            whole = self._brotli.is_finished()
        else:
            whole = self._engine is not None and self._engine.eof
        if self._taken and not whole:
            raise UnexpectedResponseError("the compressed answer was cut off")

    def _feed_brotli(self, data: bytes) -> Iterator[bytes]:
        engine = self._brotli
        more = bool(data)
        while more:
            try:
                piece: bytes = engine.process(data, output_buffer_limit=_PIECE_BYTES)
            except Exception:  # noqa: BLE001 - its one error, of a module that may not be there
                raise UnexpectedResponseError("the answer is not compressed as it says") from None
            self._check(len(piece))
            if piece:
                yield piece
            data = b""
            # It says that it takes more while it still has some: it is through when none comes.
            more = not engine.is_finished() and bool(piece)

    def _begun(self, first: int) -> "zlib._Decompress":
        """`deflate` is zlib by its rule (RFC 9110, 8.4.1.2), and bare in the wild."""
        bare = first & 0x0F != zlib.DEFLATED
        self._engine = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS)
        return self._engine

    def _check(self, size: int) -> None:
        self._made += size
        if self._most is not None and self._made > self._most:
            raise UnexpectedResponseError(f"the answer unfolds to more than {self._most} bytes")
        if self._made > max(RATIO_FROM_BYTES, RATIO_MAX * self._taken):
            raise UnexpectedResponseError("the answer unfolds to more than it can be meant to")


@cache
def bounded_brotli(name: str = "brotli") -> Any:
    """The package, if it is there and can be bounded, as 1.2 can; else None."""
    try:
        library: Any = import_module(name)
    except ImportError:
        return None
    engine: object = getattr(library, "Decompressor", None)
    return library if hasattr(engine, "can_accept_more_data") else None


def accepted() -> str:
    """For `accept-encoding`."""
    return "gzip, deflate" if bounded_brotli() is None else "gzip, deflate, br"


def unfolded(body: bytes, encoding: str, *, bytes_max: int) -> bytes:
    """A whole body, unfolded.

    Args:
        body: as it came.
        encoding: the answer's `content-encoding`; a body without one stays as it is.
        bytes_max: the most that is taken of it, unfolded.

    Raises:
        UnexpectedResponseError: it is encoded otherwise, broken, or larger than it may be.
    """
    encoding = encoding.strip().lower()
    if encoding in _PLAIN or not body:
        return body
    unfolding = Unfolding(encoding, bytes_max)
    made = b"".join(unfolding.feed(body))
    unfolding.end()
    return made


async def unfold(
    pieces: AsyncIterator[bytes], encoding: str, *, bytes_max: int | None
) -> AsyncIterator[bytes]:
    """A streamed body, unfolded as it comes; see `unfolded`."""
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        async for piece in pieces:
            yield piece
        return
    unfolding = Unfolding(encoding, bytes_max)
    async for some in pieces:
        for piece in unfolding.feed(some):
            yield piece
    unfolding.end()
