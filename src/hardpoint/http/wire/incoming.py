"""An answer, as its bytes come in: framed by llhttp, bounded by us.

What is strict is strict on purpose: an answer that can be read in two ways is none. Nothing that
follows an answer is ever kept, so that it cannot become the answer to the next request.
"""

from io import BytesIO
from typing import final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hardpoint.http.limits import Limits
from hardpoint.http.messages import Headers, Response

HEAD_BYTES_MAX = 64 * 1024
"""Of all that is not the body: interim answers, head, trailers, chunk sizes with extensions."""
_FRAMING_PER_BYTE = 8  # a chunk of a single byte has five around it
_VERSIONS = frozenset({"1.0", "1.1"})
_EMPTY = frozenset({204, 304})
_PLAIN = frozenset({b"", b"identity"})
_CHUNKED = [b"chunked"]


@final
class Incoming:
    """One answer, growing.

    It and its parser know each other; `release` parts them, or a large body would stay in memory
    until the garbage collector came by.

    Args:
        limits: of the transport.
        bodiless: whether it ends with its head.

    Attributes:
        complete: it is whole.
        broken: why it will never be whole, in words that follow "the answer"; None while it may.
        refused: why it is not wanted, though it may be whole, in words alike; None if it is.
        reusable: whether the connection may carry another, once this is complete.
        fed: bytes that came, of any kind.
    """

    __slots__ = (
        "_around",
        "_bodiless",
        "_first",
        "_headed",
        "_length",
        "_limits",
        "_more",
        "_pairs",
        "_parser",
        "_raw",
        "_size",
        "_status",
        "broken",
        "complete",
        "fed",
        "refused",
        "reusable",
    )

    def __init__(self, limits: Limits, *, bodiless: bool) -> None:
        self._limits = limits
        self._bodiless = bodiless
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._around = 0  # bytes of the heads so far
        self._first = b""
        self._more: BytesIO | None = None  # the body, if it came in more than one piece
        self._size = 0
        self._headed = False
        self._length: int | None = None  # None: it ends when the connection does
        self._raw = b""  # of a head that is all there is
        self._status = 0
        self.fed = 0
        self.complete = False
        self.reusable = False
        self.broken: str | None = None
        self.refused: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is whole and wanted."""
        return self.complete and not self.broken and not self.refused

    @property
    def status(self) -> int | None:
        """What it says, once its head has come."""
        return self._status if self._headed else None

    def feed(self, data: bytes | memoryview) -> bool:
        """Take what came; true when nothing more is wanted. The attributes tell why."""
        self.fed += len(data)
        if self._bodiless:
            self._feed_head(data)
        else:
            self._parse(data)
        if self.complete or self.broken or self.refused:
            return True
        around = self.fed - self._size
        if around > HEAD_BYTES_MAX and around > HEAD_BYTES_MAX + _FRAMING_PER_BYTE * self._size:
            self.refused = "has too much around its body"
            return True
        return False

    def close(self) -> None:
        """The other side closed the connection: the end of an answer that has no other end."""
        if self.complete or self.broken:
            return
        if self._headed and self._length is None:
            self.complete = True
        else:
            self.broken = "was cut off" if self.fed else "did not come: the connection was closed"

    def release(self) -> None:
        """Let go of the parser; nothing can be fed any more."""
        self._parser = None

    def response(self) -> Response:
        """The whole answer."""
        body = self._first if self._more is None else self._more.getvalue()
        most = self._limits.body_bytes_max
        return Response(
            status=self._status,
            headers=Headers(self._pairs),
            body=body if len(body) <= most else body[:most],
        )

    # Called by the parser

    def on_message_begin(self) -> None:
        """An answer begins; behind a whole one it is nobody's."""
        if self.complete:
            self.reusable = False
        else:
            self._pairs = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are read by nobody."""
        if not self._headed:
            self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """See what kind of answer it is."""
        parser = self._parser
        if self.complete or parser is None:
            return
        self._around += sum(len(name) + len(value) + 4 for name, value in self._pairs)
        status = parser.get_status_code()
        if self._around > HEAD_BYTES_MAX:
            self.refused = "has too large a head"
        if parser.get_http_version() not in _VERSIONS or status < 100 or status == 101:
            self.broken = "is none that we asked for"
        if status >= 200:
            self._headed = True
            self._status = status
            self._frame()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.complete or self.refused:
            return
        self._size += len(data)
        if self._more is not None:
            self._more.write(data)
        elif not self._first:
            self._first = data
        else:
            self._more = BytesIO()
            self._more.write(self._first)
            self._more.write(data)
        if self._size > self._limits.body_bytes_max:
            if self._limits.cut:
                self.complete = True
            else:
                self._too_large()

    def on_message_complete(self) -> None:
        """The end of an interim answer, or of the whole one."""
        if self._headed and not self.complete and self._parser is not None:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    # What is behind them

    def _parse(self, data: bytes | memoryview) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):  # the second is no kind of the first
            if self.complete:
                self.reusable = False
            else:
                self.broken = self.broken or "is not HTTP/1.1"

    def _feed_head(self, data: bytes | memoryview) -> None:
        """No further than the end of a head: behind the last one the parser waits for a body."""
        self._raw += data
        while not (self._headed or self.broken):
            head, end, rest = self._raw.partition(b"\r\n\r\n")
            if not end:
                return
            self._parse(head + end)
            self._raw = rest
        parser = self._parser
        if parser is not None and self._headed:
            self.complete = True
            # an empty line behind it means nothing (RFC 9112, 2.2); the parser passes over it too
            self.reusable = not self._raw.strip(b"\r\n") and parser.should_keep_alive()

    def _frame(self) -> None:
        """How long its body is; it may say so in one way only."""
        if self._bodiless or self._status in _EMPTY:
            return
        encodings: list[bytes] = []
        for name, value in self._pairs:
            lower = name.lower()
            if lower == b"content-length":
                self._length = int(value)
            elif lower == b"transfer-encoding":
                encodings.append(value.strip().lower())
            elif (
                lower == b"content-encoding"
                and value.strip().lower() not in _PLAIN
                and not self._limits.cut
            ):
                self.refused = "is encoded"
        if encodings:
            self._length = 0
            if encodings != _CHUNKED:
                self.broken = "is sent in a way that nobody asked for"
        elif (self._length or 0) > self._limits.body_bytes_max and not self._limits.cut:
            self._too_large()

    def _too_large(self) -> None:
        self.refused = f"is larger than {self._limits.body_bytes_max} bytes"
