"""Compressed answers, within bounds: a small one may unfold to more than there is memory.

Only gzip and deflate, since both come with Python and tell how far they are. What is unfolded is
bounded before it is made, and beyond 1 MiB no more than a hundredfold of what came is taken.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final, final

from hardpoint.core.errors import UnexpectedResponseError

ACCEPTED: Final = "gzip, deflate"
"""For `accept-encoding`."""
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
        encoding: `gzip` or `deflate`, as the answer's `content-encoding` has it.
        bytes_max: the most that is taken of it, unfolded; any without.

    Raises (every method too):
        UnexpectedResponseError: it is encoded otherwise, broken, or larger than it may be.
    """

    def __init__(self, encoding: str, bytes_max: int | None) -> None:
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise UnexpectedResponseError(f"the answer is encoded as {encoding!r:.40}")
        self._gzip = encoding != "deflate"
        self._most = bytes_max
        self._taken = 0
        self._made = 0
        self._engine = zlib.decompressobj(_GZIP) if self._gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What some more bytes unfold to, in pieces of bounded size."""
        self._taken += len(data)
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
        if self._taken and (self._engine is None or not self._engine.eof):
            raise UnexpectedResponseError("the compressed answer was cut off")

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
