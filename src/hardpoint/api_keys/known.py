"""What one process remembers of keys: for four seconds, so that it hears of revocations in five."""

import threading
from typing import Any, Final, final

from hardpoint.core.effects import Clock
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.ratelimit import RateLimit, RateMeter
from hardpoint.runtime.effects import Effects
from hardpoint.store.vault import ApiKeyRow

FRESH_SECONDS: Final = 4.0
KEYS_MOST: Final = 10_000
UNKNOWN_MOST: Final = 10_000
UNKNOWN_LOOKS: Final = RateLimit(1000, burst=1000, queue=0)
"""How often a process looks for keys it has never seen, so that guessing does not cost it its
database; those in use are looked for however often they are due."""


@final
class KnownKeys:
    """Keys by what they begin with, and beginnings that no key has.

    An entry counts from the moment before it was read. The oldest gives way to the newest; guesses
    take no key's place.
    """

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._keys: dict[str, tuple[ApiKeyRow, float]] = {}
        self._unknown: dict[str, float] = {}
        self.drops = 0
        """How often a key was dropped: what was read before may be out of date."""
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In the child: it knows what its parent knew; another thread may have had the lock."""
        self._lock = threading.Lock()

    def fresh(self, prefix: str) -> tuple[bool, ApiKeyRow | None]:
        """Whether it is known well enough not to look, and the key if there is one."""
        now = self._monotonic()
        kept = self._keys.get(prefix)
        if kept is not None:
            return now < kept[1], kept[0]
        return now < self._unknown.get(prefix, now), None

    def seen(self, prefix: str) -> bool:
        """Whether there is, or was a while ago, such a key."""
        return prefix in self._keys

    def keep(self, prefix: str, row: ApiKeyRow | None, asked_at: float, drops: int) -> None:
        """Remember what was read, unless a key has been dropped since.

        Args:
            prefix: what the key begins with.
            row: the key, if there is one.
            asked_at: when the look began.
            drops: how many there were then.
        """
        until = asked_at + FRESH_SECONDS
        with self._lock:
            if drops != self.drops:
                return
            self._keys.pop(prefix, None)
            self._unknown.pop(prefix, None)
            if row is None:
                self._unknown[prefix] = until
                _shrink(self._unknown, UNKNOWN_MOST)
            else:
                self._keys[prefix] = (row, until)
                _shrink(self._keys, KEYS_MOST)

    def drop(self, prefix: str) -> None:
        """Look again next time; what is being read now is not kept."""
        with self._lock:
            self.drops += 1
            self._keys.pop(prefix, None)
            self._unknown.pop(prefix, None)


@final
class KeyMeters:
    """How much each key has called, in this process.

    Args:
        limit: for each of them; None for none.
        effects: time.
    """

    def __init__(self, limit: RateLimit | None, effects: Effects) -> None:
        self._limit = limit
        self._effects = effects
        self._meters: dict[str, RateMeter] = {}
        self._looks = RateMeter(UNKNOWN_LOOKS, effects, name="api_keys")
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In the child: another thread may have had the lock."""
        self._lock = threading.Lock()

    def count(self, who: str) -> None:
        """Count a call.

        Raises:
            LimitExceededError: there were too many.
        """
        if self._limit is None:
            return
        meter = self._meters.get(who)
        if meter is None:
            made = RateMeter(self._limit, self._effects, name="api_keys", key=who)
            with self._lock:
                meter = self._meters.setdefault(who, made)
                _shrink(self._meters, KEYS_MOST)
        _admit(meter, self._effects.monotonic())

    def count_look(self) -> None:
        """Count a look for a key that nobody has seen.

        Raises:
            LimitExceededError: somebody is guessing.
        """
        _admit(self._looks, self._effects.monotonic())


@final
class KeyUses:
    """When keys were used last, to the minute, until it is written down with others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written_at = float("-inf")
        self._uses: dict[str, float] = {}
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """A forked child leaves its parent's to the parent."""
        self._lock = threading.Lock()
        self._uses = {}

    def note(self, row: ApiKeyRow, now: float) -> bool:
        """Note a use; whether it is time to write."""
        minute = now // WRITTEN_SECONDS * WRITTEN_SECONDS
        if row.last_used_at is None or row.last_used_at < minute:
            with self._lock:
                self._uses[row.id] = minute
        return bool(self._uses) and self._clock.monotonic() >= self._written_at + WRITTEN_SECONDS

    def take(self) -> dict[str, float]:
        """Those to write now; of several threads one gets them."""
        with self._lock:
            taken, self._uses = self._uses, {}
            self._written_at = self._clock.monotonic()
        return taken

    def put_back(self, uses: dict[str, float]) -> None:
        """They could not be written."""
        with self._lock:
            self._uses = {**uses, **self._uses}


WRITTEN_SECONDS: Final = 60.0
"""Between two times that a process writes when keys were used, and how exactly."""


def _admit(meter: RateMeter, now: float) -> None:
    """Count one; it never waits, since there is no line to stand in."""
    meter.wait_blocking(now, float("inf"))


def _shrink(entries: dict[str, Any], most: int) -> None:
    while len(entries) > most:
        entries.pop(next(iter(entries)), None)
