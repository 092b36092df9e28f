"""The state machine of a circuit breaker: pure and synchronous, the time is passed in."""

import threading
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Protocol, final

from hardpoint.core.effects import Random
from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.breaker import Breaker, CountWindow, TimeWindow


class CircuitState(Enum):
    """Where a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"


class CircuitOutcome(Enum):
    """What an attempt says about the other side."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    """Nothing: cancelled from outside, refused by us, or an error that does not count."""


_NEUTRAL, _FAILURE = (
    CircuitOutcome.NEUTRAL,
    CircuitOutcome.FAILURE,
)  # a member's look-up is not free


class CircuitEffects(Protocol):
    """What a circuit needs of the world; `Effects` has it."""

    @property
    def monotonic(self) -> Callable[[], float]: ...  # noqa: D102 - as `Clock` has it

    @property
    def random(self) -> Random: ...  # noqa: D102 - for jitter


CircuitTransition = tuple[CircuitState, CircuitState, str, float | None]
"""(before, after, reason, seconds for which it is open)"""

STALE = 0
"""A permit whose result is dropped."""


@final
class Circuit:
    """One breaker's state. Safe across threads; its lock is held over no call but its own.

    Admission gives a permit, a number: the generation of the closed state, or one of its own for a
    probe. A result whose permit is no longer current is dropped, so nothing started before a
    change of state can disturb what came after it.

    While it is closed the runner admits and records successes by itself: it reads `shut` and
    `generation`, sets `consecutive`, and counts into a `time_window` window.
    """

    __slots__ = (
        "__weakref__",
        "_effects",
        "_key",
        "_lease",
        "_listeners",
        "_lock",
        "_probes",
        "_row",
        "_serial",
        "_slow_after",
        "_state",
        "_successes",
        "_trips",
        "_window",
        "consecutive",
        "generation",
        "last_error",
        "name",
        "observing",
        "options",
        "shut",
        "time_window",
        "until",
    )

    def __init__(
        self,
        options: Breaker,
        effects: CircuitEffects,
        *,
        name: str = "",
        key: object = None,
        lease: float | None = None,
        listeners: Listeners | None = None,
    ) -> None:
        self.options = options
        self.name = name
        self._key = key
        self._lease = options.lease or lease or options.recovery
        self._effects = effects
        self._listeners = Listeners() if listeners is None else listeners
        self._lock = threading.Lock()
        self._row = options.in_a_row or inf
        self._slow_after = options.slow[0] if options.slow else inf
        self.time_window = TimeWindow(options.window, effects.monotonic())
        self._window: TimeWindow | CountWindow | None = None
        if options.has_window:
            self._window = self.time_window if options.last is None else CountWindow(options.last)
        self.observing = options.observe
        self.consecutive = 0
        self.last_error = ""
        self._serial = STALE
        self._probes: dict[int, float] = {}
        self._successes = 0
        self._trips = 0
        self.until = 0.0
        self._enter(CircuitState.CLOSED)
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the probes that are out are its parent's, and so may the lock be."""
        self._lock = threading.Lock()
        self._probes = {}
        self.shut = self._state is not CircuitState.CLOSED

    # What people ask and order

    @property
    def state(self) -> CircuitState:
        """Where it stands; open and ready to be asked again reads as half-open."""
        if self._state is CircuitState.OPEN and self._effects.monotonic() >= self.until:
            return CircuitState.HALF_OPEN
        return self._state

    @property
    def retry_after(self) -> float | None:
        """Seconds until an open circuit may be asked again."""
        return (
            max(0.0, self.until - self._effects.monotonic())
            if self._state is CircuitState.OPEN
            else None
        )

    @property
    def idle(self) -> bool:
        """True when forgetting it loses nothing but counts: closed, and nobody gave orders."""
        return self._state is CircuitState.CLOSED

    def force_open(self, reason: str = "by order") -> None:
        """Refuse everything until `reset`."""
        self._order(CircuitState.FORCED_OPEN, reason)

    def disable(self, reason: str = "by order") -> None:
        """Refuse and record nothing until `reset`."""
        self._order(CircuitState.DISABLED, reason)

    def reset(self, reason: str = "by order") -> None:
        """Close it and start afresh."""
        self._order(CircuitState.CLOSED, reason)

    # What the runner asks, once the circuit is shut

    def check(self, now: float) -> None:
        """Look before queueing: no permit is taken.

        Raises:
            CircuitOpenError: a claim would be refused.
        """
        if self.observing:
            return
        with self._lock:
            admitted = self._admits(now)
        if not admitted:
            raise self._refusal(now)

    def claim(self, now: float) -> int:
        """A permit, just before the call; `record` must follow.

        Raises:
            CircuitOpenError: the circuit is open, or half-open with all its probes out.
        """
        change: CircuitTransition | None = None
        with self._lock:
            permit = STALE
            admitted = self._admits(now)
            if admitted and self._state is not CircuitState.DISABLED:
                if self._state is CircuitState.OPEN:
                    change = self._enter(CircuitState.HALF_OPEN, "recovery is over")
                permit = self.generation
                if self._state is CircuitState.HALF_OPEN:
                    self._serial += 1
                    permit = self._serial
                    self._probes[permit] = now + self._lease
        self._tell(change)
        if not admitted and not self.observing:
            raise self._refusal(now)
        return permit

    def record(
        self, permit: int, outcome: CircuitOutcome, began: float, now: float, error: str = ""
    ) -> None:
        """Report how the attempt under this permit ended, and the name of its error."""
        failed = outcome is _FAILURE
        if permit == self.generation and not self.shut:
            # No call up to here: what is counted belongs to this generation, even without the lock.
            if failed:
                self.consecutive += 1
                if self._window is None and self.consecutive < self._row:
                    return
            elif outcome is _NEUTRAL:
                return
            else:
                self.consecutive = 0
        change: CircuitTransition | None = None
        with self._lock:
            slow = now - began >= self._slow_after
            if permit == self.generation and not self.shut:
                if self._window is not None:
                    self._window.add(now, failed, slow)
                if failed or slow:
                    change = self._trip(now, error)
            elif self._probes.pop(permit, None) is not None:
                change = self._judge_probe(outcome, slow, now, error)
        if change is not None:
            self._tell(change)

    # Decisions, under the lock

    def _admits(self, now: float) -> bool:
        match self._state:
            case CircuitState.CLOSED | CircuitState.DISABLED:
                return True
            case CircuitState.OPEN:
                return now >= self.until
            case CircuitState.HALF_OPEN:
                for permit in [one for one, until in self._probes.items() if until <= now]:
                    del self._probes[permit]  # never came back; its result, if any, is stale
                return len(self._probes) < self.options.probes
            case _:  # FORCED_OPEN
                return False

    def _trip(self, now: float, error: str) -> CircuitTransition | None:
        """Open, if a rule is broken."""
        if self.consecutive >= self._row:
            reason = f"{self.consecutive} failures in a row"
        elif self._window is None:
            return None
        else:
            reason = self._broken_rate(self._window, now)
            if reason is None:
                return None
        self.last_error = error
        return self._open(now, self.options.recovery, reason)

    def _broken_rate(self, window: TimeWindow | CountWindow, now: float) -> str | None:
        options = self.options
        calls, failed, slow = window.tally(now)
        if calls < options.min_calls:
            return None
        if options.rate is not None and failed >= options.rate * calls:
            return f"{failed} of {calls} calls failed"
        if options.slow is not None and slow >= options.slow[1] * calls:
            return f"{slow} of {calls} calls were slow"
        return None

    def _judge_probe(
        self, outcome: CircuitOutcome, slow: bool, now: float, error: str
    ) -> CircuitTransition | None:
        if outcome is _NEUTRAL:
            return None
        if outcome is CircuitOutcome.SUCCESS and not slow:
            self._successes += 1
            enough = self._successes >= self.options.successes
            return self._enter(CircuitState.CLOSED, "probes succeeded") if enough else None
        self.last_error = error
        options = self.options
        wait = min(options.recovery * options.growth**self._trips, options.recovery_max)
        wait *= 1 + options.jitter * self._effects.random()  # many processes must not ask at once
        return self._open(now, wait, "a probe failed" if not slow else "a probe was slow")

    def _open(self, now: float, open_for: float, reason: str) -> CircuitTransition:
        self.until = now + open_for
        self._trips += 1
        return self._enter(CircuitState.OPEN, reason, open_for)

    def _enter(
        self, state: CircuitState, reason: str = "", open_for: float | None = None
    ) -> CircuitTransition:
        before = self._state if self._serial else state
        self._serial += 1
        self.generation = self._serial
        self._state = state
        self._probes.clear()
        self._successes = 0
        self.shut = state is not CircuitState.CLOSED
        if state is not CircuitState.OPEN:
            self.until = inf if state is CircuitState.FORCED_OPEN else 0.0
        if state is CircuitState.CLOSED:
            self._trips = 0
            self.consecutive = 0
            if self._window is not None:
                self._window.clear(self._effects.monotonic())
        return before, state, reason, open_for

    def _order(self, state: CircuitState, reason: str) -> None:
        with self._lock:
            change = self._enter(state, reason)
        self._tell(change)

    def _refusal(self, now: float) -> CircuitOpenError:
        wait = max(0.0, self.until - now) if self._state is CircuitState.OPEN else None
        return CircuitOpenError(self.name, self._key, wait, self.last_error)

    def _tell(self, change: CircuitTransition | None) -> None:
        if change is not None:
            from hardpoint.resilience.events import CircuitChanged

            before, after, reason, open_for = change
            self._listeners.emit(
                CircuitChanged(self.name, self._key, before.value, after.value, reason, open_for)
            )
