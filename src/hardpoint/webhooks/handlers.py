"""Handlers: the user's functions, which events they want, and what they may say by raising.

Returning means done. Raising means retry later, by the handler's `Schedule`. `Permanent`,
`RetryAfter` and `Skip` say more.
"""

import fnmatch
import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, final

from hardpoint.core.effects import Random
from hardpoint.core.errors import ConfigurationError
from hardpoint.store.driver import Event

if TYPE_CHECKING:
    from hardpoint.webhooks.job import Job

Function: TypeAlias = "Callable[[Event, Job], object] | Callable[[Event, Job], Awaitable[object]]"


class Permanent(Exception):  # noqa: N818 - a verdict, not a mishap
    """No retry can help: the job becomes a dead letter now."""


class Skip(Exception):  # noqa: N818 - a verdict, not a mishap
    """This event is of no interest after all: the job is done, and recorded as skipped."""


class RetryAfter(Exception):  # noqa: N818 - a verdict, not a mishap
    """Try again after so many seconds, whatever the schedule says; it counts as an attempt."""

    def __init__(self, seconds: float, message: str = "") -> None:
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError("seconds must be a finite number, not negative")
        super().__init__(message or f"retry after {seconds:g} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a failed attempt is tried again.

    Attributes:
        delays: seconds before each retry; one attempt more than delays, then a dead letter.
        jitter: each delay is spread evenly over this share of it, both ways.
    """

    delays: tuple[float, ...]
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not all(math.isfinite(delay) and delay >= 0 for delay in self.delays):
            raise ConfigurationError("retry", "delays must be finite seconds, not negative")
        if not 0 <= self.jitter <= 1:
            raise ConfigurationError("retry", "jitter must lie between 0 and 1")

    def delay(self, failures: int, random: Random) -> float | None:
        """Seconds to wait after this many failures; None when it is time to give up."""
        if failures > len(self.delays):
            return None
        return self.delays[failures - 1] * (1 + self.jitter * (2 * random() - 1))


_MINUTE = 60.0
_HOUR = 60 * _MINUTE

DEFAULT_SCHEDULE = Schedule(
    (
        *(5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
        *(2 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR),
    )
)
"""Ten attempts over about 45 hours."""

DEFAULT_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One function and how it is run.

    Attributes:
        name: stable across restarts; a stored job finds its function by it.
        asynchronous: False runs it in a thread.
        timeout: seconds after which an attempt counts as failed. A thread cannot be stopped: what
            it does later is not recorded.
        ours: it is this library's own, and heeds every cancellation: it needs no task to itself.
    """

    name: str
    function: Function
    asynchronous: bool
    retry: Schedule = DEFAULT_SCHEDULE
    timeout: float = DEFAULT_TIMEOUT
    ours: bool = False

    @property
    def home(self) -> str:
        """The package its function is of: an application may stand among installed libraries."""
        function: Any = self.function
        while isinstance(function, partial):
            function = function.func
        module: str = getattr(function, "__module__", None) or ""
        return "" if module.startswith(_OURS) else module.rpartition(".")[0] or module


_OURS = "hardpoint.webhooks."
"""What forwards is no code of the user's."""


@final
class Handlers:
    """Who handles what."""

    def __init__(self) -> None:
        self._by_name: dict[str, Handler] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        self._types: dict[str, list[str]] = {}
        self._routes: Mapping[str, str] = {}
        self._matches: dict[tuple[str, str], tuple[str, ...]] = {}

    def add(
        self,
        source: str,
        pattern: str,
        function: Function,
        *,
        name: str | None = None,
        retry: Schedule | Sequence[float] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        ours: bool = False,
    ) -> None:
        """Have a function handle the events of a source whose type matches.

        Args:
            source: the configured source's name.
            pattern: an exact type, or a glob such as `payment_intent.*`.
            function: takes the event and the job; `async def`, or `def` to run in a thread.
            name: what stored jobs call it; the function's own name otherwise.
            retry: a schedule, or the delays in seconds.
            timeout: seconds an attempt may take.
            ours: see `Handler`.

        Raises:
            ConfigurationError: another function has the name already, it could not be called, or
                an option is senseless.
        """
        label = name or getattr(function, "__name__", "")
        if not label or label == "<lambda>":
            raise ConfigurationError(
                "handler", "has no name", fix="Give one: hub.on(..., name='mark_paid')"
            )
        if not (isinstance(timeout, int | float) and math.isfinite(timeout) and timeout > 0):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise ConfigurationError(f"handler {label}", "timeout must be positive seconds")
        check_function(f"handler {label}", function, takes=("event", "job"))
        schedule = DEFAULT_SCHEDULE if retry is None else retry
        handler = Handler(
            name=label,
            function=function,
            asynchronous=is_async(function),
            retry=schedule if isinstance(schedule, Schedule) else Schedule(tuple(schedule)),
            timeout=timeout,
            ours=ours,
        )
        if self._by_name.setdefault(label, handler) != handler:
            raise ConfigurationError(
                f"handler {label}",
                "this name already belongs to another function, or to other options",
                fix="Stored jobs find their handler by name; give one of them name='...'",
            )
        if not isinstance(pattern, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise ConfigurationError(
                f"handler {label}",
                f"wants the type as text, not {type(pattern).__name__}",
            )
        compiled = re.compile(fnmatch.translate(pattern))
        self._patterns.setdefault(source, []).append((compiled, label))
        self._types.setdefault(source, []).append(pattern)
        self._matches.clear()

    def names(self, *, asynchronous: bool | None = None) -> tuple[str, ...]:
        """Every handler there is, or those of one kind."""
        return tuple(
            name
            for name, handler in self._by_name.items()
            if asynchronous in {None, handler.asynchronous}
        )

    def __bool__(self) -> bool:
        """Whether an event of any source is handled or forwarded."""
        return bool(self._routes) or len(self._patterns) > ("" in self._patterns)

    def by_source(self) -> dict[str, tuple[str, ...]]:
        """The handlers of each source that has some, but not what forwards."""
        return {
            source: tuple(dict.fromkeys(name for _, name in patterns))
            for source, patterns in self._patterns.items()
            if source
        }

    def types(self, source: str) -> tuple[str, ...]:
        """The types of events, and globs of types, that are handled of a source."""
        everything = ("*",) if source in self._routes else ()
        return tuple(dict.fromkeys((*self._types.get(source, ()), *everything)))

    def __getitem__(self, name: str) -> Handler:
        """The handler a stored job names."""
        return self._by_name[name]

    def route(self, names: Mapping[str, str]) -> None:
        """Send every event of these sources to the handler named, beside those that match."""
        self._routes = names
        self._matches.clear()

    def matching(self, source: str, event_type: str) -> tuple[str, ...]:
        """The names of those that want this event, in the order they were added."""
        found = self._matches.get((source, event_type))
        if found is None:
            patterns = self._patterns.get(source, ())
            names = [name for pattern, name in patterns if pattern.match(event_type)]
            names.extend(filter(None, [self._routes.get(source)]))
            found = tuple(dict.fromkeys(names))
            if len(self._matches) >= _MATCHES_MAX:
                self._matches.clear()
            self._matches[source, event_type] = found
        return found


_MATCHES_MAX = 4096


def check_function(key: str, function: Any, *, takes: Sequence[str]) -> None:
    """Refuse now what every call would fail of.

    Args:
        key: what to call it in the error.
        function: the user's.
        takes: the names of its arguments.

    Raises:
        ConfigurationError: it does not take these, or is a generator.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(key, "is a generator, which nobody would run", fix="Remove yield")
    try:
        inspect.signature(function).bind(*takes)
    except TypeError:
        raise ConfigurationError(key, f"does not take ({', '.join(takes)})") from None
    except ValueError:  # a function of C may not tell what it takes
        pass


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine at once, rather than blocking."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - whether its __call__ is async
    )
