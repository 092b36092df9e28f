"""An answer, as its bytes come in: framed by llhttp, bounded by us.

What is strict is strict on purpose: an answer that can be read in two ways is none. Nothing that
follows an answer is ever kept, so that it cannot become the answer to the next request.
"""

import sys
from io import BytesIO
from typing import Any, final

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from hardpoint.http.limits import Limits
from hardpoint.http.messages import Headers, Response

HEAD_BYTES_MAX = 64 * 1024
"""Of all that is not the body: interim answers, head, trailers, chunk sizes with extensions."""
_FRAMING_PER_BYTE = 8  # a chunk of a single byte has five around it
_CHECKED_EVERY = 4096
"""Bytes after which what is around the chunks is looked at: never depending on how they came."""
PIECE_BYTES = 64 * 1024
"""Of a stream so much is read ahead at least, and less than twice as much."""
_VERSIONS = frozenset({"1.0", "1.1"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_TELLING = _FRAMING | {b"content-encoding"}
_EMPTY = frozenset({204, 304})
_PLAIN = frozenset({b"", b"identity"})
_CHUNKED = [b"chunked"]
_END = b"\r\n\r\n"
_RELEASED: Any = None


@final
class Incoming:
    """One answer, growing.

    It and its parser know each other; `release` parts them, or a large body would stay in memory
    until the garbage collector came by.

    Args:
        limits: of the transport.
        bodiless: whether it ends with its head.
        encoded: whether it may be compressed; it stays so.
        streamed: whether its body is taken piece by piece.
        most: bytes of a streamed body, if they are bounded.

    Attributes:
        complete: it is whole.
        broken: why it will never be whole, in words that follow "the answer"; None while it may.
        refused: why it is not wanted, though it may be whole, in words alike; None if it is.
        ready: of a stream: there is something new to take, its head or a piece.
        fed: bytes that came, of any kind.
    """

    __slots__ = (
        "_alive",
        "_around",
        "_bodiless",
        "_chunked",
        "_encoded",
        "_first",
        "_framed",
        "_headed",
        "_left",
        "_limits",
        "_more",
        "_most",
        "_pairs",
        "_parser",
        "_rose",
        "_size",
        "_status",
        "_streamed",
        "_tail",
        "broken",
        "complete",
        "fed",
        "ready",
        "refused",
    )

    def __init__(
        self,
        limits: Limits,
        *,
        bodiless: bool,
        encoded: bool = False,
        streamed: bool = False,
        most: int | None = None,
    ) -> None:
        self._limits = limits
        self._streamed = streamed
        self._most = most if streamed else limits.body_bytes_max
        self._bodiless = bodiless
        self._encoded = encoded
        self._parser = HttpResponseParser(self)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._rose: BaseException | None = None
        self._around = 0  # bytes so far that are not the body's
        self._framed = 0  # of chunks, with all that is around them
        self._tail = b""  # of what came, to find an end that comes in pieces
        self._headed = False
        self._status = 0
        self._left: int | None = None  # bytes of the body, where its length is told
        self._chunked = False
        self._first = b""
        self._more: BytesIO | None = None  # the body, if it came in more than one piece
        self._size = 0
        self._alive = False
        self.fed = 0
        self.ready = False
        self.complete = False
        self.broken: str | None = None
        self.refused: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is whole and wanted."""
        return self.complete and not self.broken and not self.refused

    @property
    def over(self) -> bool:
        """Whether nothing more of it is wanted, for whatever reason."""
        return bool(self.complete or self.broken or self.refused)

    @property
    def reusable(self) -> bool:
        """Whether its connection may carry another: this one is whole, and nothing followed it."""
        return self._alive and self.whole

    @property
    def status(self) -> int | None:
        """What it says, once its head has come."""
        return self._status if self._headed else None

    def feed(self, data: bytes) -> bool:
        """Take what came; true when nothing more is wanted for now. The attributes tell why."""
        self.fed += len(data)
        if not self._headed:
            data = self._fed_head(data)
        if self._headed and not self.refused:
            if self._chunked:
                self._fed_chunks(data)
            else:
                self._fed_body(data)
        if self.complete or self.broken or self.refused:
            return True
        return self._streamed and self._held >= PIECE_BYTES

    def close(self) -> None:
        """The other side closed the connection: the end of an answer that has no other end."""
        if self._headed and self._left is None and not self._chunked:
            self.complete = True
        else:
            self.broken = "was cut off" if self.fed else "did not come: the connection was closed"

    def release(self) -> None:
        """Let go of the parser; nothing can be fed any more."""
        self._parser = _RELEASED

    def taken(self) -> bytes:
        """Of a streamed body what has come since it was asked last."""
        piece = self._body()
        self._first, self._more, self.ready = b"", None, False
        return piece

    @property
    def headers(self) -> Headers:
        """Those of its head."""
        return Headers(self._pairs)

    def response(self) -> Response:
        """The whole answer."""
        body = self._body()
        most = self._limits.body_bytes_max
        return Response(
            status=self._status,
            headers=self.headers,
            body=body if len(body) <= most else body[:most],
        )

    # Called by the parser, which hides what rises here: an interrupt, a time limit

    def on_message_begin(self) -> None:
        """A head begins; behind a whole answer it is nobody's."""
        if self.complete:
            self._alive = False
        else:
            self._pairs = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are read by nobody."""
        if not self._headed:
            self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole; behind a whole answer it is nobody's."""
        if not self.complete:
            try:
                self._see()
            except BaseException as error:
                self._rose = error
                raise

    def on_body(self, data: bytes) -> None:
        """A piece of the body, if that is in chunks."""
        try:
            self._take(data)
        except BaseException as error:
            self._rose = error
            raise

    def on_message_complete(self) -> None:
        """The end of the chunks."""
        if self._chunked:
            self.complete = True

    # What is behind them

    def _see(self) -> None:
        """What kind of answer it is, and how long its body is."""
        parser = self._parser
        status = parser.get_status_code()
        if parser.get_http_version() not in _VERSIONS or status < 100 or status == 101:
            self.broken = "is none that we asked for"
        if status < 200 and any(name.lower() in _FRAMING for name, _ in self._pairs):
            self.broken = "has an interim answer with a body"  # RFC 9110, 15.2: it has none
        if status >= 200:
            self._headed = True
            self.ready = self._streamed
            self._status = status
            self._alive = parser.should_keep_alive()
            if self._bodiless or status in _EMPTY:
                self._left = 0
                if status == 204 and any(name.lower() in _FRAMING for name, _ in self._pairs):
                    self._alive = False  # it has no body, whatever it says: which may be coming
            else:
                self._frame()

    def _fed_head(self, data: bytes) -> bytes:
        """Take no more than heads, up to the one of the answer itself; what is behind that."""
        while not (self._headed or self.broken or self.refused):
            tail = self._tail
            room = HEAD_BYTES_MAX - self._around
            end = (tail + data).find(_END) + 4 - len(tail) if tail else data.find(_END) + 4
            if 4 - len(tail) <= end <= room:
                self._parse(data[:end])
                self._tail = b""
                self._around += end
                data = data[end:]
                continue
            self._parse(data[:room])
            self._around += len(data)
            self._tail = (tail + data)[-3:]
            if len(data) > room and not self.broken:
                self.refused = "has too large a head"
            return b""
        return data

    def _fed_chunks(self, data: bytes) -> None:
        while data:
            size, room = self._size, self._room
            step = _CHECKED_EVERY - self._framed % _CHECKED_EVERY if len(data) > room else len(data)
            some, data = data[:step], data[step:]
            self._tail = (self._tail + some)[-5:]
            self._parse(some)
            self._framed += len(some)
            self._around += len(some) - (self._size - size)
            if self.complete:
                # The parser passes over empty lines behind the end, an empty line itself.
                tail = self._tail
                if data or tail.endswith(b"\n" + _END) or tail[-4:] != _END:
                    self._alive = False
                return
            if self._room < 0 and self._framed % _CHECKED_EVERY == 0:
                self.refused = self.refused or "has too much around its body"
            if self.broken or self.refused:
                return

    @property
    def _room(self) -> int:
        """Bytes around the body that may still come."""
        return HEAD_BYTES_MAX + _FRAMING_PER_BYTE * self._size - self._around

    def _fed_body(self, data: bytes) -> None:
        if self._left is None:
            self._take(data)
        else:
            self._take(data[: self._left] if len(data) > self._left else data)
            self._alive = self._alive and len(data) <= self._left
            self._left -= min(len(data), self._left)
            if not self._left:
                self.complete = True

    def _take(self, data: bytes) -> None:
        if self.complete or self.refused or not data:
            return
        self._size += len(data)
        if self._most is not None and self._size > self._most:
            self._too_large()
            if self.refused:
                return
        if self._more is not None:
            self._more.write(data)
        elif not self._first:
            self._first = data
        else:
            self._more = BytesIO()
            self._more.write(self._first)
            self._more.write(data)
        self.ready = self._streamed

    @property
    def _held(self) -> int:
        return len(self._first) if self._more is None else self._more.tell()

    def _body(self) -> bytes:
        return self._first if self._more is None else self._more.getvalue()

    def _frame(self) -> None:
        """It may say in one way only how long its body is."""
        encodings: list[bytes] = []
        for name, value in self._pairs:
            lower = name.lower()
            if lower not in _TELLING:
                continue
            if lower == b"content-length":
                self._left = int(value)
            elif lower == b"transfer-encoding":
                encodings.append(value.strip().lower())
            elif value.strip().lower() not in _PLAIN:
                self.refused = None if self._encoded or self._limits.cut else "is encoded"
        if encodings:
            self._chunked = True
            if encodings != _CHUNKED or self._parser.get_http_version() != "1.1":
                self.broken = "is sent in a way that nobody asked for"
        elif self._most is not None and (self._left or 0) > self._most and not self._cut:
            self._too_large()

    def _parse(self, data: bytes) -> None:
        rose: BaseException | None = None
        handled = sys.exception()
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            hidden = error.__context__  # or what the caller handles, a failure before this attempt
            rose, self._rose = self._rose or (error if hidden is handled else hidden), None
        except (HttpParserError, HttpParserUpgrade):
            if self.complete:
                self._alive = False
            else:
                self.broken = self.broken or "is not HTTP/1.1"
        if rose is not None:
            context = rose.__context__
            try:
                raise rose
            finally:
                rose.__context__ = context

    @property
    def _cut(self) -> bool:
        return self._limits.cut and not self._streamed

    def _too_large(self) -> None:
        if self._cut:
            self.complete = True
            self._alive = False
        else:
            self.refused = f"is larger than {self._most} bytes"
