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
_END = b"\r\n\r\n"


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
        "_chunked",
        "_first",
        "_headed",
        "_left",
        "_limits",
        "_more",
        "_pairs",
        "_parser",
        "_size",
        "_status",
        "_tail",
        "broken",
        "complete",
        "fed",
        "refused",
        "reusable",
    )

    def __init__(self, limits: Limits, *, bodiless: bool) -> None:
        self._limits = limits
        self._bodiless = bodiless
        self._parser = HttpResponseParser(self)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._around = 0  # bytes of the heads so far
        self._tail = b""  # of what came, to find an end that comes in pieces
        self._headed = False
        self._status = 0
        self._left: int | None = None  # bytes of the body, where its length is told
        self._chunked = False
        self._first = b""
        self._more: BytesIO | None = None  # the body, if it came in more than one piece
        self._size = 0
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

    def feed(self, data: bytes) -> bool:
        """Take what came; true when nothing more is wanted. The attributes tell why."""
        self.fed += len(data)
        if not self._headed:
            data = self._fed_head(data)
        if self._headed:
            self._fed_body(data)
        if self.complete or self.broken or self.refused:
            return True
        around = self.fed - self._size
        if around > HEAD_BYTES_MAX and around > HEAD_BYTES_MAX + _FRAMING_PER_BYTE * self._size:
            self.refused = "has too much around its body"
            return True
        return False

    def close(self) -> None:
        """The other side closed the connection: the end of an answer that has no other end."""
        if self._headed and self._left is None and not self._chunked:
            self.complete = True
        else:
            self.broken = "was cut off" if self.fed else "did not come: the connection was closed"

    def release(self) -> None:
        """Let go of the parser; nothing can be fed any more."""
        del self._parser

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
        """A head begins; behind a whole answer it is nobody's."""
        if self.complete:
            self.reusable = False
        else:
            self._pairs = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are read by nobody."""
        if not self._headed:
            self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """See what kind of answer it is, and how long its body is."""
        if self.complete:
            return
        parser = self._parser
        status = parser.get_status_code()
        self._around += sum(len(name) + len(value) + 4 for name, value in self._pairs)
        if self._around > HEAD_BYTES_MAX:
            self.refused = "has too large a head"
        if parser.get_http_version() not in _VERSIONS or status < 100 or status == 101:
            self.broken = "is none that we asked for"
        if status >= 200:
            self._headed = True
            self._status = status
            self.reusable = parser.should_keep_alive()
            if self._bodiless or status in _EMPTY:
                self._left = 0
            else:
                self._frame()

    def on_body(self, data: bytes) -> None:
        """A piece of the body, if that is in chunks."""
        self._take(data)

    def on_message_complete(self) -> None:
        """The end of the chunks."""
        if self._chunked:
            self.complete = True

    # What is behind them

    def _fed_head(self, data: bytes) -> bytes:
        """Take no more than heads, up to the one of the answer itself; what is behind that."""
        while not (self._headed or self.broken or self.refused):
            tail = self._tail
            end = (tail + data).find(_END) + 4 - len(tail) if tail else data.find(_END) + 4
            if end < 4 - len(tail):
                self._parse(data)
                self._tail = (tail + data)[-3:]
                return b""
            self._parse(data[:end])
            self._tail = b""
            data = data[end:]
        return data

    def _fed_body(self, data: bytes) -> None:
        if self._chunked:
            self._tail = (self._tail + data)[-5:]
            self._parse(data)
            # The parser passes over empty lines behind the end, which is an empty line itself.
            if self.complete and (self._tail.endswith(b"\n" + _END) or self._tail[-4:] != _END):
                self.reusable = False
        elif self._left is None:
            self._take(data)
        else:
            self._take(data[: self._left] if len(data) > self._left else data)
            self.reusable = self.reusable and len(data) <= self._left
            self._left -= min(len(data), self._left)
            if not self._left:
                self.complete = True

    def _take(self, data: bytes) -> None:
        if self.complete or self.refused or not data:
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
            self._too_large()

    def _frame(self) -> None:
        """It may say in one way only how long its body is."""
        encodings: list[bytes] = []
        for name, value in self._pairs:
            lower = name.lower()
            if lower == b"content-length":
                self._left = int(value)
            elif lower == b"transfer-encoding":
                encodings.append(value.strip().lower())
            elif lower == b"content-encoding" and value.strip().lower() not in _PLAIN:
                self.refused = None if self._limits.cut else "is encoded"
        if encodings:
            self._chunked = True
            if encodings != _CHUNKED:
                self.broken = "is sent in a way that nobody asked for"
        elif (self._left or 0) > self._limits.body_bytes_max and not self._limits.cut:
            self._too_large()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if self.complete:
                self.reusable = False
            else:
                self.broken = self.broken or "is not HTTP/1.1"

    def _too_large(self) -> None:
        if self._limits.cut:
            self.complete = True
            self.reusable = False
        else:
            self.refused = f"is larger than {self._limits.body_bytes_max} bytes"
