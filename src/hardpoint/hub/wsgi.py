"""The inbox as a WSGI application, for Flask, Django, and whatever else serves by threads.

It answers as the ASGI application does, and shares with it all that decides. A WSGI server promises
no process that lives between two requests, so this one never owns a store in a file: it verifies,
hands over, and waits for the commit. `hardpoint work` runs beside it and owns. Without that it
answers 503; `hub.waiting` and the log say why. In PostgreSQL it stores by itself, for `hardpoint
work` to handle.

The first request starts a thread with an event loop, in which the hub lives. A child that is forked
before, or after, starts its own.
"""

import asyncio
import atexit
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from hardpoint.core.errors import MisuseError
from hardpoint.core.forks import forget_in_child
from hardpoint.hub.asgi import (
    ANSWER_SECONDS,
    InboxApp,
    arrival_of,
    complete_headers,
    declared_length,
    destination,
)
from hardpoint.hub.bodies import BodyBudget, ComingBody
from hardpoint.store.guests import Rank
from hardpoint.webhooks.answers import TOO_LARGE, UNAVAILABLE, Answer
from hardpoint.webhooks.verification import Arrival

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub

Environ: TypeAlias = Mapping[str, Any]
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]

STOP_SECONDS: Final = 3.0
"""For counters and the last answers, when the process ends."""
_CHUNK: Final = 64 * 1024
_forked: Final[list[object]] = []
"""In a forked child: loops of the parent's, which may not be closed here."""
_PLAIN: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")


@final
class WsgiInbox:
    """`POST /webhooks/<source>` and `GET /healthz`, as PEP 3333 has it; any thread may call it.

    Args:
        hub: started by the first request, unless it runs already.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._receiver = hub.receiver
        self._app = InboxApp(hub.receiver, listeners=hub.listeners)
        self._bodies = BodyBudget()
        self._problem = ""
        self._mutex = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the thread is the parent's."""
        _forked.append(self._loop)
        self._mutex = threading.Lock()
        self._loop = self._thread = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self.answer(environ)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in complete_headers(answer)
        ]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def answer(self, environ: Environ) -> Answer:
        """What to say to a request; a framework's view makes its own response of it.

        Raises:
            MisuseError: it would block the event loop that it waits for.
        """
        headers = _headers(environ)
        scope = _scope(environ, headers)
        source = destination(scope)
        if isinstance(source, Answer):
            return source
        home = self._home()
        if home is None:
            return UNAVAILABLE
        if scope["method"] != "POST":
            return self._receiver.greeting(source, headers, arrival_of(scope))
        cap = self._receiver.body_bytes_max
        coming = ComingBody()
        try:
            body = TOO_LARGE
            if declared_length(headers) <= cap:
                body = self._read(environ, coming, cap)
            if isinstance(body, bytes):
                return _submitted(home, self._app, source, headers, body, arrival=arrival_of(scope))
        finally:
            with self._mutex:
                self._bodies.release(coming)
        reason = "too_large" if body is TOO_LARGE else "bodies"
        with suppress(RuntimeError):  # it was stopped
            home.call_soon_threadsafe(self._receiver.refused, source, reason)
        return body

    def close(self) -> None:
        """Stop the hub, if it was started here, and end the thread. Nothing is lost without it."""
        with self._mutex:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            stopping = asyncio.run_coroutine_threadsafe(self._hub.stop(0), loop)
            with suppress(Exception):
                stopping.result(STOP_SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(STOP_SECONDS)

    def _read(self, environ: Environ, coming: ComingBody, cap: int) -> bytes | Answer:
        """The whole body, `TOO_LARGE` as soon as it passes the cap, or why it cannot be had."""
        declared = environ.get("CONTENT_LENGTH") or ""
        # Without a length only some servers say where a body ends; else there is none.
        left = int(declared) if declared.isascii() and declared.isdigit() else None
        if left is None and not environ.get("wsgi.input_terminated"):
            left = 0
        read, body = environ["wsgi.input"].read, coming.body
        while left is None or left:
            try:
                part: bytes = read(_CHUNK if left is None else min(left, _CHUNK))
            except Exception:  # noqa: BLE001 - each server has its own for a client that has gone
                return UNAVAILABLE
            if not part:
                if left:  # the client has gone
                    return UNAVAILABLE
                break
            if len(body) + len(part) > cap:
                return TOO_LARGE
            with self._mutex:
                if coming.gone or not self._bodies.take(coming, len(part)):
                    return UNAVAILABLE
                body += part
            left = None if left is None else left - len(part)
        with self._mutex:
            self._bodies.complete(coming)
            return UNAVAILABLE if coming.gone else bytes(body)

    # The thread in which the hub lives

    def _home(self) -> asyncio.AbstractEventLoop | None:
        """The loop in which the hub takes webhooks; it is started if need be. None: not now."""
        home = self._hub.life.home
        if home is None:
            starting = asyncio.run_coroutine_threadsafe(
                self._hub.life.start(wait=True, rank=Rank.FRONT), self._running_loop()
            )
            try:
                starting.result(ANSWER_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is answered 503
                if str(error) != self._problem:
                    self._app.failed("start", error)
                self._problem = str(error)
                return None
            self._problem, home = "", self._hub.life.home
        if home is not None and home is asyncio._get_running_loop():
            raise MisuseError("hub.wsgi() blocks the hub's own event loop; mount hub.asgi() there")
        return home

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._mutex:
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(loop,), name="hardpoint-wsgi", daemon=True
                )
                self._thread.start()
                atexit.register(_close, weakref.ref(self))
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _submitted(
    home: asyncio.AbstractEventLoop,
    app: InboxApp,
    source: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    arrival: Arrival,
) -> Answer:
    answered: Future[Answer] = Future()

    def done(answer: Answer) -> None:
        with suppress(InvalidStateError):  # what answered has failed afterwards
            answered.set_result(answer)

    try:
        home.call_soon_threadsafe(app.hand_over, source, headers, body, done, arrival)
        return answered.result(ANSWER_SECONDS)
    except (RuntimeError, TimeoutError):  # it was stopped, or hangs
        return UNAVAILABLE


def _headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    """As ASGI has them: names in lower case."""
    found: list[tuple[bytes, bytes]] = []
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            plain = name[5:]
        elif name in _PLAIN and value:
            plain = name
        else:
            continue
        label = plain.lower().replace("_", "-").encode("latin-1", "replace")
        found.append((label, value.encode("latin-1", "replace")))
    return found


def _scope(environ: Environ, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    root = environ.get("SCRIPT_NAME", "")
    path = f"{root}{environ.get('PATH_INFO', '')}"
    return {
        "method": environ["REQUEST_METHOD"],
        "path": path.encode("latin-1", "replace").decode("utf-8", "replace"),
        "root_path": root.encode("latin-1", "replace").decode("utf-8", "replace"),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1", "replace"),
        "client": (environ.get("REMOTE_ADDR") or "", 0),
        "headers": headers,
    }


def _close(inbox: "weakref.ref[WsgiInbox]") -> None:
    """At the end of the process."""
    one = inbox()
    if one is not None:
        one.close()
