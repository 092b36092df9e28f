"""Rate limits towards the other side: the generic cell rate algorithm, with a line or without."""

import heapq
import threading
from dataclasses import KW_ONLY, dataclass
from typing import final

from hardpoint.core.errors import DeadlineTooShortError, LimitExceededError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.options import amount, count, seconds
from hardpoint.runtime.effects import Effects

_LATE = 5.0  # a call whose moment is so long past waits no more, whatever became of it
_EARLY = 1e-9  # sums of floats must not make a call wait for a nanosecond


@final
@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `calls` per `per` seconds, evenly spaced.

    Attributes:
        calls: how many.
        per: in how many seconds.
        burst: how many may go at once after a pause. They come on top: within one `per`, up to
            `calls + burst - 1` may go, so keep it 1 where the other side counts strictly.
        queue: how many calls may wait in line; 0 refuses at once. The wait counts against the
            deadline, and a call that would miss it is refused without waiting.
    """

    calls: float
    _: KW_ONLY
    per: float = 1.0
    burst: int = 1
    queue: int = 100

    def __post_init__(self) -> None:
        seconds("RateLimit.per", self.per)
        amount("RateLimit.calls", self.calls)
        amount("RateLimit.calls", self.per / self.calls)
        count("RateLimit.burst", self.burst, most=1_000_000_000)
        count("RateLimit.queue", self.queue, least=0)


@final
class RateMeter:
    """One limit's state: when the next call would arrive if all came evenly spaced.

    The runner itself admits a call that conforms:

        arrival = max(meter.arrival, now)
        if arrival - now <= meter.tolerance: meter.arrival = arrival + meter.interval

    A call that has to wait reserves its moment and sleeps until then; the moment of one that was
    cancelled goes to the next that comes.
    """

    __slots__ = (
        "__weakref__",
        "_barred",
        "_effects",
        "_given_back",
        "_key",
        "_listeners",
        "_lock",
        "_name",
        "_queue",
        "_starts",
        "arrival",
        "interval",
        "tolerance",
    )

    def __init__(
        self,
        options: RateLimit,
        effects: Effects,
        *,
        name: str = "",
        key: object = None,
        listeners: Listeners | None = None,
    ) -> None:
        self.interval = options.per / options.calls
        self.tolerance = (options.burst - 1) * self.interval + _EARLY
        self.arrival = effects.monotonic()
        self._starts: list[float] = []
        self._barred = self.arrival
        self._given_back: list[float] = []
        self._queue = options.queue
        self._effects = effects
        self._name = name
        self._key = key
        self._listeners = Listeners() if listeners is None else listeners
        self._lock = threading.Lock()
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child nobody waits for the moments that its parent's calls reserved."""
        self._lock = threading.Lock()
        self.arrival -= self.waiting * self.interval
        self._starts = []
        self._given_back = []

    @property
    def waiting(self) -> int:
        """How many calls wait for their moment."""
        return len(self._starts)

    def bar(self, now: float, seconds: float) -> None:
        """Let nothing go for so long, because the other side asked for it."""
        with self._lock:
            until = now + seconds
            self._barred = max(self._barred, until)
            arrival = until + self.tolerance
            if self.arrival < arrival:  # noqa: PLR1730 - max() is a call, see _reserve
                self.arrival = arrival

    def thin(self, now: float, remaining: int, reset_in: float) -> None:
        """Go on no faster than what is left allows: it only ever slows down.

        Args:
            now: by the same clock as `wait`.
            remaining: calls that the other side will still take.
            reset_in: seconds until it counts anew.
        """
        if remaining <= 0:
            self.bar(now, reset_in)
            return
        with self._lock:
            arrival = now + self.tolerance - (remaining - 1) * self.interval
            if self.arrival < arrival:  # noqa: PLR1730 - max() is a call, see _reserve
                self.arrival = arrival

    async def wait(self, now: float, until: float) -> float:
        """Stand in line; returns the time when the call may go.

        Raises:
            LimitExceededError: the line is full, or there is none.
            DeadlineTooShortError: its turn would come after `until`.
        """
        while (start := self._reserve(now, until)) > now:
            try:
                await self._effects.sleep(start - now)
            except BaseException:
                self._leave(start)
                raise
            now = self._arrive(start)
            if start >= self._barred:
                break
        return now

    def wait_blocking(self, now: float, until: float) -> float:
        """As `wait`, for a thread."""
        while (start := self._reserve(now, until)) > now:
            try:
                self._effects.pause(start - now)
            except BaseException:
                self._leave(start)
                raise
            now = self._arrive(start)
            if start >= self._barred:
                break
        return now

    def _reserve(self, now: float, until: float) -> float:
        """The moment at which the call may go; `now` when it need not wait."""
        with self._lock:
            given_back = self._given_back
            while given_back and given_back[0] < max(now, self._barred):
                heapq.heappop(given_back)
            start = given_back[0] if given_back else self.arrival - self.tolerance
            if start > now:
                if self._crowded(now):
                    raise LimitExceededError(self._name, self._key, start - now)
                if start >= until:
                    raise DeadlineTooShortError(
                        self._name,
                        self._key,
                        start - now,
                        "the rate limit would delay it beyond the deadline",
                    )
            if given_back:
                heapq.heappop(given_back)
            else:
                # No call to the end of the block: the runner admits without the lock.
                arrival = self.arrival
                if arrival < now:  # noqa: PLR1730 - max() is a call
                    arrival = now
                self.arrival = arrival + self.interval
                start = arrival - self.tolerance
            if start > now:
                self._starts.append(start)
        if start <= now:
            return now
        if self._listeners.active:
            from hardpoint.resilience.events import CallQueued

            self._listeners.emit(CallQueued(self._name, self._key, "rate"))
        return start

    def _crowded(self, now: float) -> bool:
        """Whether the line is full; those of closed loops do not leave it by themselves."""
        if self.waiting >= self._queue:
            self._starts = [one for one in self._starts if one > now - _LATE]
        return self.waiting >= self._queue

    def _leave(self, start: float) -> None:
        with self._lock:
            if start in self._starts:
                self._starts.remove(start)
            heapq.heappush(self._given_back, start)

    def _arrive(self, start: float) -> float:
        with self._lock:
            if start in self._starts:
                self._starts.remove(start)
        return self._effects.monotonic()
