"""What has just happened, in memory: calls out, their rates, and a feed of events.

It holds no more than the last 10 000 calls and the last five minutes, whatever comes by, and
neither bodies nor headers.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from shlex import quote
from typing import Any, Final, final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.logger import facts_of, name_of, severity_of
from hardpoint.runtime.clocks import SystemClock

CALLS_MAX: Final = 10_000
FEED_MAX: Final = 500
WINDOW_SECONDS: Final = 300.0
_STEP: Final = 10.0
_CONNECTIONS_MAX: Final = 1_000
_OPEN_MAX: Final = 10_000
"""Calls that have begun, and the connections that are told apart."""
_GROWTH: Final = 1.2
_SMALLEST: Final = 0.0001
"""Of durations: buckets a fifth wider each, from a tenth of a millisecond."""

FeedRecord = dict[str, Any]
"""An event as plain values: `at`, `severity`, `event`, and its facts."""


class RecordedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a call. `waited` is the time since the one before ended, in seconds."""

    number: int
    started_at: float
    seconds: float
    waited: float | None
    error: str | None
    method: str | None
    url: str | None
    status: int | None
    request_id: str | None


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call out, with its attempts in order."""

    id: str
    connection: str
    provider: str
    operation: str
    started_at: float
    seconds: float
    error: str | None
    key: str | None
    correlation_id: str | None
    attempts: tuple[RecordedAttempt, ...]


class CallRates(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one connection in the last five minutes.

    Attributes:
        calls, failed: how many. A decline, or what we refused ourselves, is a failure of none.
        p95_seconds: what 95 of 100 took at most, attempts and waits together.
        last_at: when the last one ended.
        last_error: of the last that failed, and when.
    """

    calls: int = 0
    failed: int = 0
    p95_seconds: float | None = None
    last_at: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None


_NO_FAILURES: Final = frozenset(
    {"declined", "cancelled", "not_found", "already_exists", "invalid_request"}
)
"""Answers of a vendor that works."""


@final
class Recorder:
    """A listener.

    Args:
        clock: for ages.
        calls_max: how many calls are kept.
    """

    def __init__(self, clock: Clock | None = None, *, calls_max: int = CALLS_MAX) -> None:
        self._clock: Clock = clock or SystemClock()
        self._calls: OrderedDict[str, RecordedCall] = OrderedDict()
        self._calls_max = calls_max
        self._open: OrderedDict[str, list[RecordedAttempt]] = OrderedDict()
        self._rates: dict[str, _Window] = {}
        self._quotas: dict[str, tuple[float, int, int | None, float]] = {}
        self._feed: deque[FeedRecord | tuple[float, object]] = deque(maxlen=FEED_MAX)
        self._readers: set[Callable[[Mapping[str, Any]], None]] = set()
        self._rules: dict[str, Callable[[Any], None]] = {
            "AttemptEnded": self._attempt,
            "CallEnded": self._call,
            "QuotaHeard": self._quota,
        }

    def __call__(self, event: object) -> None:
        """Record what an event says."""
        rule = self._rules.get(type(event).__name__)
        if rule is not None:
            rule(event)
        if severity_of(event) == "debug" and not self._readers:
            return
        at = self._clock.now()
        if getattr(event, "exception", None) is None and not self._readers:
            self._feed.append((at, event))  # made into a record when somebody looks
            return
        made = _record(at, event)
        self._feed.append(made)
        for reader in [*self._readers]:
            reader(made)

    def calls(
        self, *, connection: str | None = None, failed: bool = False, limit: int = 50
    ) -> Sequence[RecordedCall]:
        """The last ones, the newest first."""
        found: list[RecordedCall] = []
        for one in reversed([*self._calls.values()]):
            if connection in {None, one.connection} and (one.error is not None or not failed):
                found.append(one)
                if len(found) == limit:
                    break
        return found

    def call(self, identifier: str) -> RecordedCall | None:
        """One of them, by its id or the end of it."""
        exact = self._calls.get(identifier)
        if exact is not None:
            return exact
        ends = [
            one
            for name, one in [*self._calls.items()]  # calls end in other threads meanwhile
            if identifier and name.endswith(identifier)
        ]
        return ends[0] if len(ends) == 1 else None

    def rates(self, connection: str) -> CallRates:
        """Its last five minutes."""
        window = self._rates.get(connection)
        return CallRates() if window is None else window.rates(self._clock.monotonic())

    def quota(self, connection: str) -> tuple[int, int | None] | None:
        """What was last heard to be left of its limit, and the limit; None when nobody has said."""
        known = self._quotas.get(connection)
        if known is None or self._clock.monotonic() > known[3]:
            return None
        return known[1], known[2]

    def feed(self) -> Sequence[Mapping[str, Any]]:
        """The last events, the oldest first."""
        return [one if isinstance(one, dict) else _record(*one) for one in [*self._feed]]

    def follow(self, reader: Callable[[Mapping[str, Any]], None]) -> Callable[[], None]:
        """Have every event from now on given to `reader`; the function returned ends it."""
        self._readers.add(reader)
        return lambda: self._readers.discard(reader)

    def _attempt(self, event: Any) -> None:
        now = self._clock.now()
        attempts = self._open.setdefault(event.call_id, [])
        started = now - event.seconds
        before = attempts[-1] if attempts else None
        waited = None if before is None else started - before.started_at - before.seconds
        attempts.append(
            RecordedAttempt(
                number=event.attempt,
                started_at=started,
                seconds=event.seconds,
                waited=None if waited is None else max(0.0, waited),
                error=event.error,
                method=event.method,
                url=event.url,
                status=event.status,
                request_id=event.request_id,
            )
        )
        if len(self._open) > _OPEN_MAX:
            self._open.popitem(last=False)

    def _call(self, event: Any) -> None:
        now = self._clock.now()
        self._calls[event.call_id] = RecordedCall(
            id=event.call_id,
            connection=event.connection,
            provider=event.provider,
            operation=event.operation,
            started_at=now - event.seconds,
            seconds=event.seconds,
            error=event.error,
            key=event.key,
            correlation_id=event.correlation_id,
            attempts=tuple(self._open.pop(event.call_id, ())),
        )
        if len(self._calls) > self._calls_max:
            self._calls.popitem(last=False)
        window = self._rates.get(event.connection)
        if window is None:
            if len(self._rates) >= _CONNECTIONS_MAX:
                return
            window = self._rates[event.connection] = _Window()
        window.add(self._clock.monotonic(), now, event.seconds, event.error)

    def _quota(self, event: Any) -> None:
        now = self._clock.monotonic()
        if event.connection in self._quotas or len(self._quotas) < _CONNECTIONS_MAX:
            until = now + event.reset_in
            self._quotas[event.connection] = (now, event.remaining, event.limit, until)


@final
class _Window:
    """The last five minutes of one connection, in steps of ten seconds."""

    __slots__ = ("_steps", "last_at", "last_error", "last_error_at")

    def __init__(self) -> None:
        self._steps: deque[tuple[float, list[int], dict[int, int]]] = deque()
        self.last_at: float | None = None
        self.last_error: str | None = None
        self.last_error_at: float | None = None

    def add(self, now: float, at: float, seconds: float, error: str | None) -> None:
        begin = now - now % _STEP
        if not self._steps or self._steps[-1][0] != begin:
            self._steps.append((begin, [0, 0], {}))
            self._forget(now)
        _, counts, durations = self._steps[-1]
        counts[0] += 1
        bucket = _bucket(seconds)
        durations[bucket] = durations.get(bucket, 0) + 1
        self.last_at = at
        if error is not None:
            self.last_error, self.last_error_at = error, at
            counts[1] += error not in _NO_FAILURES

    def rates(self, now: float) -> CallRates:
        """Of a copy: calls end in other threads meanwhile."""
        steps = [one for one in [*self._steps] if not _is_over(one[0], now)]
        durations: dict[int, int] = {}
        for _, _, each in steps:
            for bucket, count in [*each.items()]:
                durations[bucket] = durations.get(bucket, 0) + count
        return CallRates(
            calls=sum(counts[0] for _, counts, _ in steps),
            failed=sum(counts[1] for _, counts, _ in steps),
            p95_seconds=_quantile(durations, 0.95),
            last_at=self.last_at,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
        )

    def _forget(self, now: float) -> None:
        while self._steps and _is_over(self._steps[0][0], now):
            with suppress(IndexError):  # another thread was faster
                self._steps.popleft()


def curl_of(method: str, url: str, key: str | None) -> str:
    """An attempt as a command; what is left out stands as a variable to be set."""
    parts = ["curl", "-X", quote(method), '-H "Authorization: $AUTHORIZATION"']
    if key:
        parts.append(f"-H {quote(f'Idempotency-Key: {key}')}")
    if method in {"POST", "PUT", "PATCH"}:
        parts.append("--data @body.json")
    parts.append(quote(url.replace("?****", "")))
    return " ".join(parts)


def _is_over(begin: float, now: float) -> bool:
    return begin <= now - WINDOW_SECONDS


def _record(at: float, event: object) -> FeedRecord:
    facts = facts_of(event)
    facts.pop("exception", None)  # with its lines of code; the place is a fact of its own
    name, severity = name_of(type(event)), severity_of(event)
    return {"at": at, "severity": severity, "event": name, **facts}


def _bucket(seconds: float) -> int:
    return math.ceil(math.log(max(seconds, _SMALLEST) / _SMALLEST, _GROWTH))


def _quantile(durations: Mapping[int, int], share: float) -> float | None:
    """The upper end of the bucket in which it lies."""
    total = sum(durations.values())
    left = math.ceil(total * share)
    for bucket in sorted(durations):
        left -= durations[bucket]
        if left <= 0:
            return _SMALLEST * _GROWTH**bucket
    return None
