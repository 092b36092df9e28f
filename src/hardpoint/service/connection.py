"""uvicorn's httptools protocol with bounds: on headers, on time, on pipelining.

A request that is refused is answered in its turn, after the ones before it; then the connection
says no more, and discards what still comes in until the client hangs up or `linger_seconds` pass.
(Closing at once would reset the connection, and the client would lose the answer.)
Nothing raises inside a parser callback.
"""

import asyncio
from functools import lru_cache
from typing import ClassVar
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hardpoint.core.events import Listeners
from hardpoint.hub.asgi import HEADERS_TOO_LARGE, header_bytes
from hardpoint.service.guard import IngressGuard
from hardpoint.webhooks.answers import UNAVAILABLE, Answer

MALFORMED = Answer(status=400, body=b'{"error":"malformed_request"}')
UPGRADE_REFUSED = Answer(status=400, body=b'{"error":"upgrade_not_supported"}')
EXPECTATION_FAILED = Answer(status=417, body=b'{"error":"expectation_failed"}')
TIMED_OUT = Answer(status=408, body=b'{"error":"timeout"}')

_FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})

IDLE, HEAD, BODY, LEAVING = range(4)
"""What a connection reads: nothing yet, a request's head, its body, no more requests."""

_listeners = Listeners()


class ConnectionFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A defect of ours while a request was read; the client was hung up on."""

    severity: ClassVar[str] = "error"
    error: str
    exception: BaseException


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Its requests go to the ASGI application of the `Config`."""

    parser: httptools.HttpRequestParser

    def __init__(self, guard: IngressGuard, config: Config) -> None:
        super().__init__(config, guard.state, {})
        self._guard = guard
        self._stage = IDLE
        self._since = guard.now
        """When this stage began."""
        self._patience = guard.limits.header_seconds
        """How long it may say nothing: less before the first request than between two."""
        self._version = ""
        self._length = 0
        """What Content-Length says of the body at hand."""
        self._expects = False
        """The client waits for a word before it sends that."""
        self._fed = 0
        """Bytes read since the last piece of a body, or the last end of a request."""
        self._unanswered = 0
        """Requests whose head is read and whose answer is not complete."""
        self._last: bytes | None = None
        """What to say when all of those are answered, and then nothing more."""
        self._heard_all = False
        """The client has closed its side."""

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._guard.limits.connections:
            self._guard.refused("", "connections")
            transport.write(self._guard.wire(UNAVAILABLE, last=True))
            self._close()

    def data_received(self, data: bytes) -> None:
        """Parse, and see that what is held back meanwhile stays small."""
        if self._stage == LEAVING:
            return
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__ or error
            _listeners.emit(ConnectionFailed(error=type(cause).__qualname__, exception=error))
            self.transport.abort()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(MALFORMED, "malformed")
        else:
            if self._fed > self._guard.limits.header_bytes and self._stage != IDLE:
                self._refuse(HEADERS_TOO_LARGE, "headers_too_large")

    def expire(self) -> None:
        """Act on the time limits."""
        guard, limits = self._guard, self._guard.limits
        if self.flow.read_paused:  # it is us who keep the client waiting
            self._since = guard.now
        age = guard.now - self._since
        if self._stage in {HEAD, BODY}:
            allowed = limits.header_seconds if self._stage == HEAD else limits.body_seconds
            if age > allowed:
                self._refuse(TIMED_OUT, "timeout")
        elif self._unanswered:
            return
        elif self._stage == IDLE:
            if age > self._patience:
                self._close()
        elif age > limits.linger_seconds:
            self.transport.abort()

    def shutdown(self) -> None:
        """Hang up if no request has begun; the guard is draining, so any other is the last."""
        if self._stage == IDLE and not self._unanswered:
            self._close()

    # What the parser tells

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.url = b""
        self.headers = []
        if self._stage == IDLE:
            self._stage = HEAD
            self._since = self._guard.now

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which ends up in a list that nobody reads."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Hand the request to the application, in its turn."""
        if not self._admit():
            return
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = self._expects
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and not self._guard.draining
        self.headers = []

    def _admit(self) -> bool:
        """Whether this head may pass; then its body is next."""
        limits = self._guard.limits
        if self._stage != HEAD:
            return False
        self._version = self.parser.get_http_version()
        if len(self.headers) > limits.headers or (
            self._fed > limits.header_bytes
            and len(self.url) + header_bytes(self.headers) > limits.header_bytes
        ):
            self._refuse(HEADERS_TOO_LARGE, "headers_too_large")
        elif self._unanswered > limits.pipelined:
            self._refuse(UNAVAILABLE, "pipelined")
        elif self.parser.should_upgrade():
            # The parser takes what follows for another protocol: a body would be lost.
            self._refuse(UPGRADE_REFUSED, "upgrade")
        elif self._version not in {"1.1", "1.0"} or request_path(self.url) is None:
            self._refuse(MALFORMED, "malformed")
        elif (flaw := self._flaw()) is not None:
            self._refuse(flaw, "malformed")
        else:
            self._stage = BODY
            self._since = self._guard.now
            self._patience = limits.idle_seconds
            self._unanswered += 1
            return True
        return False

    def _flaw(self) -> Answer | None:
        """What to answer where a proxy may read this head in another way than we do; else None.

        RFC 9112, 3.2 and 6: one Host (HTTP/1.0 may do without), and chunks alone, of HTTP/1.1
        alone. RFC 9110, 10.1.1: there is one expectation.
        """
        old = self._version == "1.0"
        hosts, chunked = 0, False
        self._length, self._expects = 0, False
        for name, value in self.headers:
            if name not in _FRAMING:
                continue
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                self._length = int(value)  # the parser takes nothing but digits, once
            elif name == b"expect":
                self._expects = not old
                if value.lower() != b"100-continue":
                    return EXPECTATION_FAILED
            elif chunked or old or value.lower() != b"chunked":
                return MALFORMED
            else:
                chunked = True
        return None if hosts == 1 or (old and not hosts) else MALFORMED

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._fed = 0
        if self._stage == BODY:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._fed = 0
        if self._stage == BODY:
            self._stage = IDLE
            self._since = self._guard.now
            super().on_message_complete()

    # Answers

    def on_response_complete(self) -> None:
        """An answer is out: on to the next request in the pipeline, or to the last word."""
        self._unanswered -= 1
        if self.transport.is_closing():
            self._close()
        elif self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._last is not None:
            self._depart(self._last)
        else:
            self.flow.resume_reading()
            self._since = self._guard.now if self._stage == IDLE else self._since

    def _source(self) -> str:
        """Who the request at hand is for, as far as one can tell."""
        return ""

    def _refuse(self, answer: Answer, reason: str) -> None:
        """Answer the request at hand ourselves, in its turn, and take no other."""
        if self._stage == LEAVING:
            return
        self._guard.refused(self._source(), reason)
        if self._stage == BODY and not self._abandon():
            self._close()
        else:
            self._finish(self._guard.wire(answer, last=True))

    def _abandon(self) -> bool:
        """Take the request that is being read from the application; False if it has answered."""
        cycle = self.cycle
        if cycle.response_started:
            return False
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        cycle.response_complete = cycle.disconnected = True
        cycle.message_event.set()
        self._unanswered -= 1
        return True

    def _finish(self, last: bytes) -> None:
        self._stage = LEAVING
        self._last = last
        if not self._unanswered:
            self._depart(last)

    def _depart(self, last: bytes) -> None:
        self._since = self._guard.now
        self.flow.resume_reading()
        self.transport.write(last)
        if self._heard_all or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _close(self) -> None:
        self._stage = LEAVING
        self._since = self._guard.now
        self.transport.close()


@lru_cache(maxsize=128)
def request_path(target: bytes) -> str | None:
    """The decoded path of a request target, be it absolute or not; None where there is none."""
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        return None
    return unquote(path.decode("ascii")) if path else None
