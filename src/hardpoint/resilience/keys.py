"""States by key (a host, a tenant), bounded in number and forgotten when idle."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass
from typing import final

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import count, seconds
from hardpoint.resilience.shared import SharedState
from hardpoint.resilience.state import Parts, State

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
class States:
    """All states of one policy, and of those derived from it by `with_`."""

    __slots__ = ("_donor", "_idle", "_limit", "_lock", "_shared", "_states", "parts")

    def __init__(
        self,
        parts: Parts,
        keyed: Keyed | None = None,
        shared: SharedState | None = None,
        donor: "States | None" = None,
    ) -> None:
        """Keep states of these parts; those that `donor` also has, it shares.

        Parts are the same when their options are the same object.
        """
        self.parts = parts
        self._limit = keyed.limit if keyed else 1
        self._idle = keyed.idle if keyed else 0.0
        self._shared = shared
        self._donor = donor
        self._lock = threading.Lock()
        self._states: dict[Hashable, State] = {}

    def at(self, key: Hashable, now: float) -> State:
        """The state of this key, made when it is first asked for."""
        state = self._states.get(key)
        if state is None:
            state = self._add(key, now)
        state.used = now
        return state

    def all(self) -> tuple[State, ...]:
        """Those remembered now."""
        with self._lock:
            return tuple(self._states.values())

    def _add(self, key: Hashable, now: float) -> State:
        with self._lock:
            state = self._states.get(key)
            if state is not None:
                return state
            self._forget(now)
            state = self._states[key] = self._make(key, now)
        return state

    def _make(self, key: Hashable, now: float) -> State:
        state = State(self.parts, key)
        if self._donor is not None:
            old, theirs = self._donor.at(key, now), self._donor.parts.present
            for name, option in self.parts.present.items():
                if theirs.get(name) is option:
                    setattr(state, name, getattr(old, name))
        if self._shared is not None and hasattr(state, "circuit"):
            self._shared.attach(self.parts.name, key, state.circuit)
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
