"""Inline replies: what a function of the user's says in the very answer that the vendor waits for.

Slack shows what its command is answered, Discord an interaction's answer, and Twilio follows the
markup it gets. So the function runs in the process that took the request, after the commit, and has
two seconds. It runs at most once: a repeat of the request, or one after a crash, hears the vendor's
default. It is no job: it is not stored and not retried; handlers of the event run besides.
"""

import asyncio
import fnmatch
import re
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeAlias, cast, final, runtime_checkable

import msgspec

from hardpoint.core.correlation import correlation_id
from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place, place_of, summary_of
from hardpoint.store.driver import Event
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.calling import call
from hardpoint.webhooks.handlers import Handler, check_function, is_async
from hardpoint.webhooks.threads import Threads
from hardpoint.webhooks.verification import Reply

REPLY_SECONDS: Final = 2.0
"""From the verified request to its answer; the vendors named above give up after three."""
REPLY_BYTES_MAX: Final = 64 * 1024
REPLIES_MAX: Final = 128
"""Under way at a time, with those that were given up and go on all the same."""

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"), _NOSNIFF)
_JSON: Final = ((b"content-type", b"application/json"), _NOSNIFF)
_HEADER: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_FRAMING: Final = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
_BODILESS: Final = frozenset({204, 205, 304})

ReplyFunction: TypeAlias = "Callable[[Event], object] | Callable[[Event], Awaitable[object]]"


@runtime_checkable
class RepliesInKind(Protocol):
    """A scheme whose vendor wants to hear more than text or JSON, or text in a frame of its own."""

    def reply(self, value: object, /) -> Reply:
        """What a reply function's value is on the wire.

        Raises:
            TypeError, ValueError: it is nothing that the vendor takes; it hears its default.
        """
        ...


class ReplyFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor heard its default in place of what a reply function was to say.

    Attributes:
        reply: the function's name.
        reason: `failed`, `late`, or `crowded`: too many were under way.
        place: where in the user's code it failed, or stood when its time was up.
    """

    event_id: str
    source: str
    type: str
    correlation_id: str
    reply: str
    reason: str
    error: str
    place: Place | None = None
    exception: BaseException | None = None

    @property
    def severity(self) -> str:
        """For the log."""
        return "error" if self.reason == "failed" else "warning"


@final
class ReplyFunctions:
    """Who replies to what: one function an event, an exact type before a pattern."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: dict[str, list[tuple[str, re.Pattern[str], Handler]]] = {}

    def add(self, source: str, pattern: str, function: ReplyFunction) -> None:
        """Have a function reply to the events of a source whose type matches.

        Args:
            source: the configured source's name.
            pattern: an exact type, or a glob such as `command.*`.
            function: takes the event; `async def`, or `def` to run in a thread.

        Raises:
            ConfigurationError: another one replies to the same already, or it could not be called.
        """
        label = getattr(function, "__name__", "reply")
        check_function(f"reply {label}", function, takes=("event",))
        handler = Handler(
            name=label,
            function=cast(Any, function),
            asynchronous=is_async(function),
            timeout=REPLY_SECONDS,
        )
        if not isinstance(pattern, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise ConfigurationError(f"reply {label}", "wants the type as text")
        globs = self._patterns.setdefault(source, [])
        known = {one for one, _, _ in globs}
        if pattern in known or (source, pattern) in self._exact:
            raise ConfigurationError(
                f"reply {label}",
                f"is not the only one to {pattern!r} of {source}",
                fix="A request has one answer: keep one function, and let the others be handlers",
            )
        if any(sign in pattern for sign in "*?["):
            globs.append((pattern, re.compile(fnmatch.translate(pattern)), handler))
        else:
            self._exact[source, pattern] = handler

    def sources(self) -> frozenset[str]:
        """The sources that something replies to."""
        return frozenset(one for one, _ in self._exact) | self._patterns.keys()

    def matching(self, source: str, event_type: str) -> Handler | None:
        """Who replies to this event."""
        found = self._exact.get((source, event_type))
        if found is None:
            for _, pattern, handler in self._patterns.get(source, ()):
                if pattern.match(event_type):
                    return handler
        return found


@final
class Replying:
    """Runs reply functions, in the loop in which requests are taken.

    Args:
        clock: what the deadline goes by.
        listeners: told `ReplyFailed`.
    """

    def __init__(self, clock: Clock, listeners: Listeners) -> None:
        self._clock = clock
        self._listeners = listeners
        self._threads: Threads | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._abandoned = 0

    def begin(
        self,
        function: Handler,
        event: Event,
        *,
        until: float,
        scheme: object,
        done: Callable[[Answer | None], None],
    ) -> None:
        """Have a function reply; `done` is called once, in this loop, with None for the default.

        Args:
            function: which.
            event: it was committed just now.
            until: when its time is up, by the clock's `monotonic`.
            scheme: the source's; see `RepliesInKind`.
            done: answers the request.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the hub lives in another one now, or in a forked child
            self.close()
            self._loop, self._threads = loop, Threads()
            self._under_way, self._abandoned = set(), 0
        reply = _Reply(self._listeners, function, event, scheme, done)
        left = until - self._clock.monotonic()
        if len(self._under_way) + self._abandoned >= REPLIES_MAX:
            reply.missed("crowded", f"{REPLIES_MAX} replies are under way")
        elif left <= 0:
            reply.missed("late", "its time was up before it began")
        else:
            timer = loop.call_later(left, reply.late)
            running = self._run(reply, replace(function, timeout=left))
            # A context of its own: what the commit was made in is none of the user's concern.
            task = loop.create_task(running, context=Context())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(lambda _: timer.cancel())
            task.add_done_callback(lambda _: reply.give_default())

    async def _run(self, reply: "_Reply", function: Handler) -> None:
        correlation_id.set(reply.event.correlation_id)
        said: list[object] = []
        asked = replace(function, function=_kept(function, said))
        threads = cast(Threads, self._threads)
        error, timed_out = await call(asked, reply.event, threads=threads, abandoned=self._left)
        if timed_out:
            reply.late(error)
        elif error is not None:
            reply.failed(error)
        else:
            reply.say(said[0])

    def _left(self, more: int) -> None:
        self._abandoned += more

    def close(self) -> None:
        """End those that are under way: their requests are answered, by the default."""
        for task in self._under_way:
            if not task.get_loop().is_closed():
                task.cancel()
        if self._threads is not None:
            self._threads.close()
            self._threads = self._loop = None


def _kept(handler: Handler, said: list[object]) -> Any:
    """The function, which gives nothing and leaves what it says in the list."""
    function: Any = handler.function

    async def ask(event: Event) -> None:
        said.append(await function(event))

    def ask_here(event: Event) -> Any:
        result = function(event)
        if not hasattr(result, "__await__"):
            said.append(result)
            return None

        async def rest() -> None:  # a plain function may return a coroutine
            said.append(await result)

        return rest()

    return ask if handler.asynchronous else ask_here


@final
class _Reply:
    """One request whose answer is being made; it is answered once, whoever is first."""

    def __init__(
        self,
        listeners: Listeners,
        function: Handler,
        event: Event,
        scheme: object,
        done: Callable[[Answer | None], None],
    ) -> None:
        self._listeners = listeners
        self._function = function
        self.event = event
        self._scheme = scheme
        self._done: Callable[[Answer | None], None] | None = done

    def say(self, value: object) -> None:
        """What the function has said; None is the default."""
        if value is None:
            self.give_default()
            return
        try:
            answer = answer_of(value, self._scheme)
        except Exception as error:  # noqa: BLE001 - a value of the user's may do anything
            self.failed(error)
        else:
            self._answer(answer)

    def late(self, error: BaseException | None = None) -> None:
        """Its time is up."""
        self.missed("late", f"took longer than {REPLY_SECONDS:g} s", error)

    def failed(self, error: BaseException) -> None:
        """It has raised."""
        self.missed("failed", summary_of(error), error)

    def missed(self, reason: str, told: str, error: BaseException | None = None) -> None:
        """Answer with the default, and tell why."""
        if self._done is None:
            return
        self._answer(None)
        event = self.event
        self._listeners.emit(
            ReplyFailed(
                event_id=event.id,
                source=event.source,
                type=event.type,
                correlation_id=event.correlation_id,
                reply=self._function.name,
                reason=reason,
                error=told,
                place=None if error is None else place_of(error, self._function.home),
                exception=error,
            )
        )

    def give_default(self) -> None:
        """Answer with the default where nothing was answered."""
        self._answer(None)

    def _answer(self, answer: Answer | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(answer)


def answer_of(value: object, scheme: object) -> Answer:
    """What a reply function's value is on the wire.

    Raises:
        TypeError, ValueError: it is nothing that can be sent.
    """
    if isinstance(value, Reply):
        reply = value
    elif isinstance(scheme, RepliesInKind):
        reply = scheme.reply(value)
    else:
        reply = plain_reply(value)
    _check(reply)
    return Answer(status=reply.status, headers=reply.headers, body=reply.body)


def plain_reply(value: object) -> Reply:
    """Text as text, a mapping or a list as JSON.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, str):
        return Reply(headers=_TEXT, body=value.encode())
    if isinstance(value, dict | list):
        return json_reply(cast(object, value))
    kind = type(value).__name__
    raise TypeError(f"a reply is text, a mapping, a list or a Reply, and no {kind}")


def json_reply(value: object) -> Reply:
    """A value as JSON."""
    return Reply(headers=_JSON, body=msgspec.json.encode(value))


def _check(reply: Reply) -> None:
    """Refuse what would break the connection that it is said on; a Struct checks no types."""
    texts = [one for pair in reply.headers for one in pair]
    shapes = {type(reply.headers), *map(type, reply.headers)} - {tuple}
    if shapes or {type(reply.body), *map(type, texts)} - {bytes}:
        raise TypeError("a reply's headers are pairs of bytes in a tuple, its body is bytes")
    status = HTTPStatus(reply.status)
    if status < 200 or (reply.body and status in _BODILESS):
        raise ValueError(f"a reply of status {reply.status} has no body, or is none")
    if len(reply.body) > REPLY_BYTES_MAX:
        raise ValueError(f"a reply has {REPLY_BYTES_MAX} bytes at most, not {len(reply.body)}")
    for name, value in reply.headers:
        if not (_HEADER.fullmatch(name) and _VALUE.fullmatch(value)) or name.lower() in _FRAMING:
            raise ValueError(f"a reply cannot have the header {name!r}")
