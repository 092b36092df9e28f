"""What a policy remembers: the states of its parts and its counts, and what a failing call was."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget, BudgetAccount
from hardpoint.resilience.bulkhead import Bulkhead, BulkheadRoom
from hardpoint.resilience.circuit import Circuit
from hardpoint.resilience.hints import NOTHING, Hints
from hardpoint.resilience.options import count, seconds
from hardpoint.resilience.ratelimit import RateLimit, RateMeter
from hardpoint.runtime.effects import Effects


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts since the policy was built, and how it stands now. Cancelled calls count as none.

    Attributes:
        succeeded: calls that returned.
        failed: calls that were sent and raised.
        refused: calls that were never sent: one of our own parts said no.
        attempts_failed: attempts that raised or timed out.
        timed_out: those of them that timed out.
        retried: retries decided.
        degraded: calls that got a fallback or `Degraded`; they also count as failed or refused.
        hedged: second attempts started beside a slow first.
        in_flight: calls in the bulkhead.
        waiting: calls in line for the rate limit or the bulkhead.
        circuits: the state of each circuit by key; without keys, under None.
    """

    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    attempts_failed: int = 0
    timed_out: int = 0
    retried: int = 0
    degraded: int = 0
    hedged: int = 0
    in_flight: int = 0
    waiting: int = 0
    circuits: dict[Hashable, str] = field(default_factory=dict[Hashable, str])

    def __add__(self, other: "Stats") -> "Stats":
        sums = {
            one.name: getattr(self, one.name) + getattr(other, one.name)
            for one in fields(self)
            if one.name != "circuits"
        }
        return Stats(**sums, circuits=self.circuits | other.circuits)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParts:
    """The options of those parts that remember something, and what they are made with."""

    name: str
    effects: Effects
    listeners: Listeners
    breaker: Breaker | None = None
    rate: RateLimit | None = None
    bulkhead: Bulkhead | None = None
    budget: Budget | None = None
    lease: float | None = None

    @property
    def present(self) -> dict[str, object]:
        """The options of the parts there are, by the name of their state."""
        options = {
            "circuit": self.breaker,
            "meter": self.rate,
            "room": self.bulkhead,
            "account": self.budget,
        }
        return {name: option for name, option in options.items() if option is not None}


@final
class PolicyState:
    """One key's parts and counts. Only the parts that the policy has are set."""

    __slots__ = (
        "account",
        "attempts_failed",
        "circuit",
        "degraded",
        "failed",
        "hedged",
        "key",
        "meter",
        "queued",
        "refused",
        "retried",
        "room",
        "succeeded",
        "timed_out",
        "used",
    )

    circuit: Circuit
    meter: RateMeter
    room: BulkheadRoom
    account: BudgetAccount

    def __init__(self, parts: PolicyParts, key: Hashable) -> None:
        self.key = key
        self.used = self.queued = now = parts.effects.monotonic()
        self.succeeded = self.failed = self.refused = self.degraded = 0
        self.attempts_failed = self.timed_out = self.retried = self.hedged = 0
        name, effects, listeners = parts.name, parts.effects, parts.listeners
        if parts.breaker is not None:
            lease = parts.lease
            self.circuit = Circuit(
                parts.breaker, effects, name=name, key=key, lease=lease, listeners=listeners
            )
        if parts.rate is not None:
            self.meter = RateMeter(parts.rate, effects, name=name, key=key, listeners=listeners)
        if parts.bulkhead is not None:
            self.room = BulkheadRoom(
                parts.bulkhead, effects, name=name, key=key, listeners=listeners
            )
        if parts.budget is not None:
            self.account = BudgetAccount(parts.budget, now)

    @property
    def idle(self) -> bool:
        """True when forgetting it loses counts only: nobody is inside, and no order stands."""
        room: BulkheadRoom | None = getattr(self, "room", None)
        meter: RateMeter | None = getattr(self, "meter", None)
        circuit: Circuit | None = getattr(self, "circuit", None)
        return (
            (room is None or (room.free == room.calls and not room.line))
            and (meter is None or meter.waiting == 0)
            and (circuit is None or circuit.idle)
        )

    def stats(self) -> Stats:
        """The counts now."""
        room: BulkheadRoom | None = getattr(self, "room", None)
        meter: RateMeter | None = getattr(self, "meter", None)
        circuit: Circuit | None = getattr(self, "circuit", None)
        return Stats(
            succeeded=self.succeeded,
            failed=self.failed,
            refused=self.refused,
            attempts_failed=self.attempts_failed,
            timed_out=self.timed_out,
            retried=self.retried,
            degraded=self.degraded,
            hedged=self.hedged,
            in_flight=0 if room is None else room.calls - room.free,
            waiting=(0 if room is None else len(room.line))
            + (0 if meter is None else meter.waiting),
            circuits={} if circuit is None else {self.key: circuit.state.value},
        )


_TRIES = 32  # how many states a new key looks at to find one to forget, when there are too many
_LOOKS = 2  # and when there are not


@final
@dataclass(frozen=True, slots=True)
class Keyed:
    """State for each key instead of one for all.

    Attributes:
        by: gives the key from the call's arguments; what it raises, the call raises, unsent.
        limit: how many keys are remembered; beyond it the one not used for longest goes. Keys that
            cannot go without harm (calls under way, a circuit that is not closed) may exceed it.
        idle: seconds without use after which a key may be forgotten.
    """

    by: Callable[..., Hashable]
    _: KW_ONLY
    limit: int = 1024
    idle: float = 3600.0

    def __post_init__(self) -> None:
        if not callable(self.by):
            raise ConfigurationError("Keyed.by", "is a function of the call's arguments")
        count("Keyed.limit", self.limit)
        seconds("Keyed.idle", self.idle)


@final
class PolicyStates:
    """All states of one policy, and of those derived from it by `with_`."""

    __slots__ = ("__weakref__", "_idle", "_limit", "_lock", "_origin", "_states", "parts")

    def __init__(
        self,
        parts: PolicyParts,
        keyed: Keyed | None = None,
        origin: "PolicyStates | None" = None,
    ) -> None:
        """Keep states of these parts; those that `origin` also has, it shares.

        Parts are the same when their options are the same object.
        """
        self.parts = parts
        self._limit = keyed.limit if keyed else 1
        self._idle = keyed.idle if keyed else 0.0
        self._origin = origin
        self._states: dict[Hashable, PolicyState] = {}
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: another thread may have had the lock."""
        self._lock = threading.Lock()

    def at(self, key: Hashable, now: float) -> PolicyState:
        """The state of this key, made when it is first asked for."""
        state = self._states.get(key)
        if state is None:
            state = self._add(key, now)
        state.used = now
        return state

    def all(self) -> tuple[PolicyState, ...]:
        """Those remembered now."""
        with self._lock:
            return tuple(self._states.values())

    def _add(self, key: Hashable, now: float) -> PolicyState:
        with self._lock:
            state = self._states.get(key)
            if state is not None:
                return state
            self._forget(now)
            state = self._states[key] = self._make(key, now)
        return state

    def _make(self, key: Hashable, now: float) -> PolicyState:
        state = PolicyState(self.parts, key)
        if self._origin is not None:
            old, theirs = self._origin.at(key, now), self._origin.parts.present
            for name, option in self.parts.present.items():
                if theirs.get(name) is option:
                    setattr(state, name, getattr(old, name))
        return state

    def _forget(self, now: float) -> None:
        """Make place for one more: second chance, as exact order would cost every call."""
        for tried in range(_TRIES):
            crowded = len(self._states) >= self._limit
            if not self._states or (tried >= _LOOKS and not crowded):
                return
            key = next(iter(self._states))
            state = self._states.pop(key)
            stays = state.used > state.queued if crowded else now - state.used <= self._idle
            if stays or not state.idle:
                state.queued = now
                self._states[key] = state


@final
class CallRecord:
    """One logical call, from its first failure on.

    Attributes:
        state: the key's state.
        started: when the call began; not a number if nobody needed to know.
        until: when it has to be over.
        now: when its last attempt ended.
        hints: what the other side asked for then.
        tries: attempts and refusals so far.
        sent: attempts that reached the function.
        delay: seconds until the next attempt.
        failure: what is to be raised, when no further attempt follows. The runner clears it, as
            it pins frames.
        last: the last real error, as a refusal may come after it; cleared likewise.
        in_doubt: an attempt may have acted, and no later one has told.
        stopped: why a result was not asked for again.
    """

    hints: Hints = NOTHING
    tries = 0
    sent = 0
    delay = 0.0
    failure: BaseException | None = None
    last: Exception | None = None
    in_doubt = False
    stopped: str | None = None

    def __init__(self, state: PolicyState, started: float, until: float, now: float) -> None:
        self.state = state
        self.started = started
        self.until = until
        self.now = now


@final
class Opened:
    """A stream that was opened, and the breaker's permit that it holds; 0 for none."""

    __slots__ = ("permit", "stream")

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.permit = 0
