"""Who may start: shares of the room for attempts, so that no lane makes another wait for it.

A lane is what fails or is slow together: a handler, or a source that is forwarded. Pure decisions
over counts and the time that is passed in; nothing here waits or runs anything.

- While there is room for all, a lane that was quick so far may take it, but for an eighth of what
  is free. When room is short, one place is kept for each lane that waits and holds no more.
- A lane is *slow* when half of its last attempts timed out or took over 2 s, while one that is
  under way has taken so long, or while one that was given up has not returned. Slow lanes together
  hold at most half the room, and each of them at most half of what the others leave of that.
- A lane that is *new*, with no attempt ended yet, holds one place, until that is done or found to
  be slow. New and slow lanes together leave an eighth of the room to those known to be quick.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import final

SLOW_SECONDS = 2.0
"""An attempt that takes longer is slow."""

REMEMBERED = 4
"""The last attempts of a lane that tell whether it is slow."""

SPARE = 8
"""One of so many places is left to others."""


@final
class JobLane:
    """What is known of one lane in one room. Only its room changes it.

    Attributes:
        name: see `lane_of`.
        held: places of attempts that are reserved, under way, or given up and not returned.
        stuck: of these, given up.
        due: when the store has something of it, by the steady clock; `inf`: for all we know never.
        until: it waits until then for what it depends on.
        served: rises with each place it is given: who was served longest ago is next.
        past: of its last attempts, whether each was slow.
        running: when each attempt that runs began, the oldest first.
    """

    __slots__ = ("due", "held", "name", "past", "running", "served", "stuck", "until")

    def __init__(self, name: str, served: int) -> None:
        self.name = name
        self.held = self.stuck = 0
        self.due = math.inf
        self.until = -math.inf
        self.served = served
        self.past: deque[bool] = deque(maxlen=REMEMBERED)
        self.running: dict[Seat, float] = {}

    @property
    def new(self) -> bool:
        """Whether nothing is known of it yet."""
        return not self.past

    def slow(self, now: float) -> bool:
        """Whether it may hold no more than slow lanes may."""
        past = self.past
        if self.stuck or (past and 2 * sum(past) >= len(past)):
            return True
        return now >= self.slow_at

    @property
    def slow_at(self) -> float:
        """When it will be slow, should its oldest attempt go on."""
        for since in self.running.values():  # in the order they began
            return since + SLOW_SECONDS
        return math.inf


@final
class Seat:
    """The place of one attempt under way.

    Args:
        shares: where it is.
        lane: whose place it is.
        judged: the lane that its time says something about.
    """

    __slots__ = ("_judged", "_lane", "_shares")

    def __init__(self, shares: "Shares", lane: JobLane, judged: JobLane) -> None:
        self._shares = shares
        self._lane = lane
        self._judged = judged

    def handled(self, now: float, *, timed_out: bool = False) -> None:
        """The handler has ended, or was given up; that is still to be recorded."""
        since = self._lane.running.pop(self)
        self._judged.past.append(timed_out or now - since >= SLOW_SECONDS)

    def abandoned(self, change: int) -> None:
        """1: what was given up goes on all the same, and holds a place; -1: it has returned."""
        self._judged.stuck += change
        self._judged.held += change
        self._shares.held += change
        self._shares.stuck += change
        self._shares.changed(self._shares, change)

    def pause(self, until: float) -> None:
        """What its lane depends on asked for that: nothing of the lane starts before."""
        self._judged.until = max(self._judged.until, until)

    def leave(self) -> None:
        """Give the place back."""
        self._lane.running.pop(self, None)
        self._shares.give_back(self._lane)


@final
class Shares:
    """Places for attempts of one kind, in threads or in the loop, and the lanes that share them.

    Args:
        limit: attempts at a time.
        changed: told 1 when an attempt is given up and goes on, -1 when such a one has returned.

    Attributes:
        held: places that are taken.
        stuck: of these, by attempts that were given up and have not returned.
    """

    def __init__(self, limit: int, changed: "Callable[[Shares, int], object]") -> None:
        self.limit = limit
        self.changed = changed
        self.held = self.stuck = 0
        self._lanes: dict[str, JobLane] = {}
        self._waiting: dict[str, JobLane] = {}
        self._turns = count(1)

    @property
    def free(self) -> int:
        """Places that nobody has."""
        return self.limit - self.held

    @property
    def waited_for(self) -> bool:
        """Whether the store has something, due now or later."""
        return bool(self._waiting)

    def lane(self, name: str) -> JobLane:
        """The lane of this name."""
        found = self._lanes.get(name)
        if found is None:
            found = self._lanes[name] = JobLane(name, next(self._turns))
        return found

    def expect(self, lane: JobLane, due: float) -> None:
        """The store has something of this lane then, or now."""
        lane.due = min(lane.due, due)
        self._waiting[lane.name] = lane

    def may_start(self, lane: JobLane, now: float) -> bool:
        """Whether this lane may begin what has just come in, before what waits in the store."""
        free = self.free
        if free <= 0 or lane.due <= now or lane.until > now:
            return False
        if not self._within_share(lane, now, free):
            return False
        if free > len(self._waiting):
            return True
        mine = (lane.held, lane.served)
        before = sum(
            (other.held, other.served) < mine and self._within_share(other, now, free)
            for other in self._due(now)
        )
        return free > before

    def take(self, lane: JobLane) -> None:
        """Reserve a place."""
        lane.held += 1
        lane.served = next(self._turns)
        self.held += 1

    def give_back(self, lane: JobLane) -> None:
        """It is not needed any more."""
        lane.held -= 1
        self.held -= 1

    def begin(self, lane: JobLane, now: float, *, judged: JobLane | None = None) -> Seat:
        """An attempt is under way on a place that was reserved; see `Seat`."""
        seat = Seat(self, lane, judged or lane)
        lane.running[seat] = now
        return seat

    def grants(self, now: float) -> dict[JobLane, int]:
        """Reserve places for what is due in the store, in turns; gives how many each lane got.

        Half of what is free at most: what comes in meanwhile would have to be left in the store
        too, and so on for ever. Nothing more is expected of these lanes until the store was asked.
        """
        line = [(lane.held, lane.served, lane) for lane in self._due(now)]
        heapify(line)
        given: dict[JobLane, int] = {}
        left = (self.free + 1) // 2
        while line and left > 0:
            lane = heappop(line)[2]
            if self._within_share(lane, now, self.free):
                self.take(lane)
                given[lane] = given.get(lane, 0) + 1
                left -= 1
                heappush(line, (lane.held, lane.served, lane))
        for lane in given:
            lane.due = math.inf
            del self._waiting[lane.name]
        return given

    def next_turn(self, now: float) -> float:
        """When something can be claimed; the end of an attempt is another occasion to look."""
        free = self.free
        if free <= 0:
            return math.inf
        times: list[float] = []
        for lane in self._waiting.values():
            due = max(lane.due, lane.until)
            if due > now or self._within_share(lane, now, free):
                times.append(due)
            elif lane.new and not lane.slow(now):  # then it may hold more
                times.append(lane.slow_at)
        return min(times, default=math.inf)

    def _due(self, now: float) -> Iterable[JobLane]:
        return (lane for lane in self._waiting.values() if max(lane.due, lane.until) <= now)

    def _within_share(self, lane: JobLane, now: float, free: int) -> bool:
        held, slow = lane.held, lane.slow(now)
        if not slow and not lane.new:
            available = free + held
            return held < available - available // SPARE
        half = max(1, self.limit // 2)
        if 2 * held > half if slow else held:
            return False
        by_slow = by_new = 0
        for one in self._lanes.values():
            if one.slow(now):
                by_slow += one.held
            elif one.new:
                by_new += one.held
        if by_slow + by_new >= self.limit - self.limit // SPARE:
            return False
        left = half - by_slow
        return not slow or (left > 0 and held < (left + held + 1) // 2)
