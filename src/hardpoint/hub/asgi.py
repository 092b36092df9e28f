"""The inbox as a raw ASGI application: `POST /webhooks/<source>` and a bare `GET /healthz`.

No framework stands between the server and the receiver. Mounted under a path, `/hooks` say, it also
answers `POST /hooks/<source>`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final, final

from hardpoint.core.correlation import HEADER, given_in
from hardpoint.core.events import Listeners
from hardpoint.core.traces import summary_of
from hardpoint.hub.bodies import BodyBudget, ComingBody
from hardpoint.hub.events import DoorFailed
from hardpoint.webhooks.answers import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNAVAILABLE,
    Answer,
    Receiver,
)
from hardpoint.webhooks.verification import Arrival

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]
Lifecycle = Callable[[], Awaitable[None]]

HEADERS_MAX: Final = 100
HEADER_BYTES_MAX: Final = 32 * 1024
"""The target, names and values together."""

ANSWER_SECONDS: Final = 10.0
"""After so long without a word from the store a vendor is told to come again."""

HEALTH_PATH: Final = "/healthz"
_WEBHOOKS: Final = "/webhooks/"

HEALTHY = Answer(status=200, body=b'{"status":"ok"}')
HEADERS_TOO_LARGE = Answer(status=431, body=b'{"error":"headers_too_large"}')
_HEALTH_METHODS = Answer(
    status=405,
    headers=((b"content-type", b"application/json"), (b"allow", b"GET, HEAD")),
    body=METHOD_NOT_ALLOWED.body,
)
_BODILESS = (204, 304)
_TAKEN = frozenset({"GET", "HEAD", "POST"})
"""What may be a webhook, or the handshake of one; the source says."""
_LENGTH_DIGITS_MAX = 18


def source_of(path: str, *, mounted: bool = False) -> str | None:
    """The source a decoded path names, known or not; None for any other path.

    Args:
        path: what follows the mount, `/webhooks/billing`.
        mounted: `/billing` alone names a source too.

    A slash at the end changes nothing: vendors' forms and proxies add one.
    """
    if path.startswith(_WEBHOOKS):
        name = path[len(_WEBHOOKS) :]
    elif mounted and path != HEALTH_PATH:
        name = path.removeprefix("/")
    else:
        return None
    name = name.removesuffix("/")
    return name if name and "/" not in name else None


def header_bytes(headers: RawHeaders) -> int:
    """How many bytes names and values have together."""
    return sum(len(name) + len(value) for name, value in headers)


def declared_length(headers: RawHeaders) -> int:
    """What Content-Length announces; 0 where it says nothing one could count on."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value) if len(value) <= _LENGTH_DIGITS_MAX else sys.maxsize
    return 0


def complete_headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    """An answer's headers with its length, where the status may have one, and the request's id."""
    headers = [*answer.headers]
    if answer.request_id:
        headers.append((HEADER.encode(), answer.request_id))
    if answer.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return headers


@final
class InboxApp:
    """ASGI 3. It answers 503 rather than 500, and never cancels a commit that is under way.

    Args:
        receiver: where requests go.
        start: run once, by the lifespan or before the first webhook where a server has none (a
            mounted application is not told of it); while it fails, webhooks are answered 503 and
            the next one tries again.
        stop: run at the lifespan's end.
        home: the event loop that `start` made the receiver's, while it runs; webhooks that come in
            another are handed over to it. None while they cannot be taken: they are answered 503.
        listeners: told `DoorFailed`.
        bodies: what bodies under way may take together; one of its own by default.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        start: Lifecycle | None = None,
        stop: Lifecycle | None = None,
        home: Callable[[], asyncio.AbstractEventLoop | None] | None = None,
        listeners: Listeners | None = None,
        bodies: BodyBudget | None = None,
    ) -> None:
        self._receiver = receiver
        self._start = start
        self._stop = stop
        self._bodies = BodyBudget() if bodies is None else bodies
        self._started = start is None
        self._home = home or asyncio.get_running_loop
        self._problem: Exception | None = None
        self._starting: asyncio.Task[bool] | None = None
        self._listeners = Listeners() if listeners is None else listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through one lifespan."""
        kind = scope["type"]
        if kind == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                headers = complete_headers(answer)
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": headers}
                )
                await send({"type": "http.response.body", "body": answer.body})
        elif kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise NotImplementedError(f"no ASGI protocol of ours: {kind}")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """What to say; None when nobody is left to hear it."""
        source = destination(scope)
        if isinstance(source, Answer):
            return source
        if not (self._started and self._home()) and not await self._begin():
            return UNAVAILABLE.to(given_in(scope["headers"]))
        headers = scope["headers"]
        if scope["method"] != "POST":
            return self._receiver.greeting(source, headers, arrival_of(scope))
        cap = self._receiver.body_bytes_max
        coming = ComingBody()
        try:
            body = TOO_LARGE
            if declared_length(headers) <= cap:
                body = await self._read(receive, coming, cap)
            if isinstance(body, bytes):
                return await self._submit(source, headers, body, arrival_of(scope))
        finally:
            self._bodies.release(coming)
        if body is None:
            return None
        self._receiver.refused(source, "too_large" if body is TOO_LARGE else "bodies")
        return body.to(given_in(headers))

    async def _read(self, receive: Receive, coming: ComingBody, cap: int) -> bytes | Answer | None:
        """The whole body; `TOO_LARGE` as soon as it passes the cap; None when the client has gone.

        `UNAVAILABLE` where it had to give way to others.
        """
        # One buffer: parts of a byte each, kept apart, would take forty times the cap.
        body = coming.body
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part: bytes = message.get("body", b"")
            if len(body) + len(part) > cap:
                return TOO_LARGE
            if coming.gone or not self._bodies.take(coming, len(part)):
                return UNAVAILABLE
            if message.get("more_body", False):
                body += part
                continue
            self._bodies.complete(coming)
            if body:
                body += part
                part = bytes(body)
                body.clear()
            return part

    async def _submit(
        self, source: str, headers: list[tuple[bytes, bytes]], body: bytes, arrival: Arrival
    ) -> Answer:
        # A future of its own: when the server cancels this task because the client has gone, the
        # commit goes on, and its result falls on deaf ears.
        here = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = here.create_future()

        def resolve(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        home = self._home()
        if home is None:  # it was stopped meanwhile
            return UNAVAILABLE
        if home is here:
            self.hand_over(source, headers, body, resolve, arrival)
        else:

            def done(answer: Answer) -> None:
                with suppress(RuntimeError):  # this loop was closed: nobody waits
                    here.call_soon_threadsafe(resolve, answer)

            try:
                home.call_soon_threadsafe(self.hand_over, source, headers, body, done, arrival)
            except RuntimeError:
                return UNAVAILABLE
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answered
        except TimeoutError:
            return UNAVAILABLE

    def hand_over(
        self,
        source: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        done: Callable[[Answer], None],
        arrival: Arrival,
    ) -> None:
        """Call it in the receiver's loop: a request becomes its answer, whatever happens."""
        try:
            self._receiver.submit(source, headers, body, done, arrival)
        except Exception as error:  # noqa: BLE001 - the vendor must come again, not hear a 500
            self.failed("receive", error, source)
            done(UNAVAILABLE)

    async def _begin(self) -> bool:
        """Start once, however many first requests come at a time."""
        here = asyncio.get_running_loop()
        if self._starting is None or self._starting.get_loop() is not here:
            self._starting = asyncio.create_task(self._run_start())
        return await asyncio.shield(self._starting)

    async def _run_start(self) -> bool:
        try:
            await (self._start or _nothing)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered 503
            if str(error) != str(self._problem):
                self.failed("start", error)
            self._problem = error
            return False
        else:
            self._problem = None
            self._started = self._home() is not None  # else it waits for its store: 503 till then
            return self._started
        finally:
            if self._starting is asyncio.current_task():
                self._starting = None

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if not await self._begin() and self._problem is not None:
            message = "hardpoint could not start; its log says why"
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._started = self._start is None
        try:
            await (self._stop or _nothing)()
        except Exception as error:  # noqa: BLE001 - whatever it is, the server is told
            self.failed("stop", error)
            message = "hardpoint did not stop cleanly; its log says why"
            await send({"type": "lifespan.shutdown.failed", "message": message})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    def failed(self, doing: str, error: Exception, source: str | None = None) -> None:
        """Tell of an error of ours."""
        told = summary_of(error)
        self._listeners.emit(DoorFailed(doing=doing, error=told, source=source, exception=error))


async def _nothing() -> None:
    pass


def arrival_of(scope: Scope) -> Arrival:
    """How a request came: its query, and the client as the server says."""
    client = scope.get("client")
    query: bytes = scope.get("query_string", b"")
    return Arrival(method=scope["method"], query=query, peer=client[0] if client else "")


def destination(scope: Scope) -> str | Answer:
    """The source a request is for, or the answer that needs no look at its body."""
    headers = scope["headers"]
    target_bytes = len(scope["path"]) + len(scope.get("query_string", b""))
    if len(headers) > HEADERS_MAX or target_bytes + header_bytes(headers) > HEADER_BYTES_MAX:
        return HEADERS_TOO_LARGE
    path, mounted = _within_mount(scope)
    method = scope["method"]
    if path == HEALTH_PATH:
        return HEALTHY if method in {"GET", "HEAD"} else _HEALTH_METHODS
    source = source_of(path, mounted=mounted)
    if source is None:
        return NOT_FOUND
    return source if method in _TAKEN else METHOD_NOT_ALLOWED


def _within_mount(scope: Scope) -> tuple[str, bool]:
    """The path below the mount, and whether there is a mount.

    The ASGI specification has `path` include `root_path`; servers and routers before 2024 left it
    out.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(f"{root}/"):
        return path[len(root) :], True
    return path, bool(root)
