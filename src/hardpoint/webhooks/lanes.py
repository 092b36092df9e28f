"""Who may start: shares of the room for attempts, so that no lane makes another wait for it.

A lane is what fails or is slow together: a handler, or a source that is forwarded. Pure decisions
over counts and the time that is passed in; nothing here waits or runs anything.

- A lane that holds no place may always start one attempt, even where the room is full. So there may
  be more attempts than the room has places: by one for each lane.
- More than that it gets while there is room: a lane that was quick so far may take it, but for an
  eighth of what is free. When room is short, who holds less goes first.
- A lane is *slow* when half of its last attempts timed out or took over 2 s, while one that is
  under way has taken so long, or while one that was given up has not returned. Slow lanes together
  get at most half the room, and each of them at most half of what the others leave of that. What
  they hold beyond it, one attempt each, takes no room from the others.
- An attempt whose handler is through, and that is still to be recorded, holds no place: the next
  one may begin. Of such there are at most as many as places; beyond that each keeps its own.
- A lane that is *new*, with no attempt ended yet, holds one place, until that is done or found to
  be slow. After a pause it is new again: it asks whether the trouble is over with one attempt.
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

KEPT = 4
"""One of so many places is kept for what waits in the store, while a lane has something there."""


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
        lane: whose attempt it is.
        reserved: whether a place of the lane was taken for it; else it is beside all others.
    """

    __slots__ = ("_lane", "_recording", "_reserved", "_shares")

    def __init__(self, shares: "Shares", lane: JobLane, *, reserved: bool) -> None:
        self._shares = shares
        self._lane = lane
        self._reserved = reserved
        self._recording = False

    def handled(self, now: float, *, timed_out: bool = False) -> None:
        """The handler has ended, or was given up; that is still to be recorded."""
        since = self._lane.running.pop(self)
        if now >= self._lane.until:  # else it tells nothing of what comes after the pause
            self._lane.past.append(timed_out or now - since >= SLOW_SECONDS)
        if self._reserved and self._shares.recording < self._shares.limit:
            self._reserved, self._recording = False, True
            self._shares.recording += 1
            self._shares.give_back(self._lane)

    def abandoned(self, change: int) -> None:
        """1: what was given up goes on all the same, and holds a place; -1: it has returned."""
        self._lane.stuck += change
        self._shares.stuck += change
        self._shares.hold(self._lane, change)
        self._shares.changed(self._shares, change)

    def pause(self, until: float) -> None:
        """What its lane depends on asked for that: nothing of the lane starts before."""
        self._lane.until = max(self._lane.until, until)
        self._lane.past.clear()

    def reserve(self) -> None:
        """It is beside the others no longer: from now on it holds a place of its lane."""
        self._reserved = True
        self._shares.take(self._lane)

    def leave(self) -> None:
        """Give the place back."""
        self._lane.running.pop(self, None)
        if self._recording:
            self._shares.recording -= 1
        elif self._reserved:
            self._shares.give_back(self._lane)


@final
class Shares:
    """Places for attempts of one kind, in threads or in the loop, and the lanes that share them.

    Args:
        limit: attempts at a time, but for the first of each lane.
        changed: told 1 when an attempt is given up and goes on, -1 when such a one has returned.

    Attributes:
        held: places that are taken.
        stuck: of these, by attempts that were given up and have not returned.
        recording: attempts that hold none any more, and are still to be recorded.
    """

    def __init__(self, limit: int, changed: "Callable[[Shares, int], object]") -> None:
        self.limit = limit
        self.changed = changed
        self.held = self.stuck = self.recording = 0
        self._lanes: dict[str, JobLane] = {}
        self._waiting: dict[str, JobLane] = {}
        self._turns = count(1)
        self._slow_at = math.nan
        self._slow_hold = 0

    @property
    def waited_for(self) -> bool:
        """Whether the store has something, due now or later."""
        return bool(self._waiting)

    def stuck_lanes(self) -> list[JobLane]:
        """The lanes of attempts that were given up and have not returned, the worst first."""
        stuck = [lane for lane in self._lanes.values() if lane.stuck]
        return sorted(stuck, key=lambda lane: (-lane.stuck, lane.name))

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

    def resume(self) -> None:
        """End every pause."""
        for lane in self._lanes.values():
            lane.until = -math.inf

    def may_start(self, lane: JobLane, now: float) -> bool:
        """Whether this lane may begin what has just come in.

        What waits in the store for the same lane goes first when room is short. Else both have
        room: what is at hand need not be asked for, and the store would never be caught up with.
        """
        if lane.until > now:
            return False
        free = self._free(now)
        if lane.due <= now and free <= max(1, self.limit // KEPT):
            return False
        if not lane.held:
            return True
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

    def has_place(self, lane: JobLane, now: float) -> bool:
        """Whether this lane may hold another place."""
        return self._within_share(lane, now, self._free(now))

    def take(self, lane: JobLane) -> None:
        """Reserve a place."""
        lane.served = next(self._turns)
        self.hold(lane, 1)

    def give_back(self, lane: JobLane) -> None:
        """It is not needed any more."""
        self.hold(lane, -1)

    def hold(self, lane: JobLane, change: int) -> None:
        """So many places more are the lane's."""
        lane.held += change
        self.held += change
        self._slow_at = math.nan

    def begin(self, lane: JobLane, now: float, *, reserved: bool = True) -> Seat:
        """An attempt is under way, on a place that was reserved or beside all; see `Seat`."""
        seat = Seat(self, lane, reserved=reserved)
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
        left = (self._free(now) + 1) // 2
        while line:
            lane = heappop(line)[2]
            if lane.held and left <= 0:
                break
            if self.has_place(lane, now):
                left -= lane.held > 0
                self.take(lane)
                given[lane] = given.get(lane, 0) + 1
                heappush(line, (lane.held, lane.served, lane))
        for lane in given:
            lane.due = math.inf
            del self._waiting[lane.name]
        return given

    def next_turn(self, now: float) -> float:
        """When something can be claimed; the end of an attempt is another occasion to look."""
        times: list[float] = []
        refused = False
        for lane in self._waiting.values():
            due = max(lane.due, lane.until)
            if due > now or self.has_place(lane, now):
                times.append(due)
            else:
                refused = True
        if refused:  # once another attempt is found to be slow, there may be room
            times += [lane.slow_at for lane in self._lanes.values() if lane.slow_at > now]
        return min(times, default=math.inf)

    def _due(self, now: float) -> Iterable[JobLane]:
        return (lane for lane in self._waiting.values() if max(lane.due, lane.until) <= now)

    def _free(self, now: float) -> int:
        """Places for lanes that hold one already."""
        free = self.limit - self.held
        if free <= 0:
            free += max(0, self._held_by_slow(now) - self._half)
        return free

    @property
    def _half(self) -> int:
        return max(1, self.limit // 2)

    def _held_by_slow(self, now: float) -> int:
        """Many lanes may ask in a row: it is counted anew only when something has changed."""
        if self._slow_at != now:
            self._slow_at = now
            self._slow_hold = sum(lane.held for lane in self._lanes.values() if lane.slow(now))
        return self._slow_hold

    def _within_share(self, lane: JobLane, now: float, free: int) -> bool:
        held = lane.held
        if not held:
            return True
        if free <= 0:
            return False
        if not lane.slow(now):
            available = free + held
            return not lane.new and held < available - available // SPARE
        half = self._half
        if 2 * held > half:  # the other slow ones need not be looked at
            return False
        left = half - self._held_by_slow(now)
        return left > 0 and held < (left + held + 1) // 2
