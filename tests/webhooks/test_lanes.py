import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpoint.webhooks.lanes import SLOW_SECONDS, Shares


class World:
    """Lanes of one room, and attempts that take as long as their lane does.

    Time passes in steps; whatever may start at a step does.
    """

    def __init__(self, limit, seconds):
        self.now = 0.0
        self.shares = Shares(limit, lambda shares, change: None)
        self.seconds = seconds
        self.backlog = Counter()
        self.running = []
        self.done = Counter()

    def lane(self, name):
        return self.shares.lane(name)

    def queue(self, name, number):
        self.backlog[name] += number
        self.shares.expect(self.lane(name), self.now)

    def arrive(self, name):
        """One more, which starts at once if it may."""
        lane = self.lane(name)
        if self.shares.may_start(lane, self.now):
            self.shares.take(lane)
            self.begin(name)
            return True
        self.queue(name, 1)
        return False

    def begin(self, name):
        seat = self.shares.begin(self.lane(name), self.now)
        self.running.append((self.now + self.seconds[name], name, seat))

    def turn(self):
        while grants := self.shares.grants(self.now):
            for lane, number in grants.items():
                got = min(number, self.backlog[lane.name])
                self.backlog[lane.name] -= got
                for _ in range(got):
                    self.begin(lane.name)
                for _ in range(number - got):
                    self.shares.give_back(lane)
                if self.backlog[lane.name]:
                    self.shares.expect(lane, self.now)

    def pass_time(self, seconds):
        self.now += seconds
        for one in [one for one in self.running if one[0] <= self.now]:
            self.running.remove(one)
            self.done[one[1]] += 1
            one[2].handled(one[0])
            one[2].leave()
        self.turn()

    def held(self, name):
        return self.lane(name).held

    def prove(self, *names):
        """Have each end one attempt, so that it is known."""
        for name in names:
            self.queue(name, 1)
        self.turn()
        self.pass_time(max(self.seconds[name] for name in names))


def test_a_lane_without_history_starts_with_one_attempt():
    world = World(16, {"hangs": 300})
    world.queue("hangs", 40)
    world.turn()
    assert world.held("hangs") == 1
    world.pass_time(1.9)
    assert world.held("hangs") == 1


def test_a_lane_that_was_quick_may_take_all_but_an_eighth():
    world = World(16, {"quick": 1, "other": 1})
    world.prove("quick")
    world.queue("quick", 100)
    world.turn()
    assert world.held("quick") == 14
    assert world.arrive("other")


def test_one_slow_lane_takes_a_quarter_and_all_of_them_half():
    names = [f"slow_{number}" for number in range(4)]
    world = World(16, dict.fromkeys(names, 6))
    world.prove(*names)
    world.queue(names[0], 100)
    world.turn()
    assert world.held(names[0]) == 4
    for name in names:
        world.queue(name, 100)
    world.turn()
    for _ in range(20):
        world.pass_time(6)
        assert sum(world.held(name) for name in names) <= 8


def test_however_many_slow_lanes_there_are_each_holds_one_and_the_others_have_half_the_room():
    names = [f"slow_{number}" for number in range(100)]
    world = World(16, dict.fromkeys(names, 1e9) | {"quick": 1})
    world.prove("quick")
    for name in names:
        world.queue(name, 100)
    world.turn()
    assert world.held(names[99]) == 1
    assert world.arrive("quick")  # also before anybody knows that they are slow
    assert not world.arrive("quick")
    world.pass_time(SLOW_SECONDS)
    for name in names:
        world.queue(name, 100)
    world.turn()
    assert {world.held(name) for name in names} == {1}
    world.queue("quick", 100)
    world.turn()
    assert world.held("quick") == 7


def test_where_the_room_is_full_a_lane_that_holds_nothing_starts_all_the_same():
    world = World(4, {"hangs": 1, "late": 1, "later": 1})
    world.prove("hangs", "late")
    world.seconds["hangs"] = 1e9
    world.queue("hangs", 100)
    world.turn()
    assert world.held("hangs") == 4
    assert world.arrive("late")
    assert not world.arrive("late")
    world.queue("later", 9)
    world.turn()
    assert world.held("later") == 1


def test_a_lane_that_turns_slow_is_held_back_while_its_attempts_still_run():
    world = World(16, {"turns": 1, "quick": 1})
    world.prove("turns", "quick")
    world.seconds["turns"] = 30
    world.queue("turns", 100)
    world.turn()
    assert world.held("turns") == 14
    world.pass_time(SLOW_SECONDS)
    for _ in range(50):
        assert world.arrive("quick")
        world.pass_time(1)
    assert world.held("turns") <= 8


def test_half_of_the_last_attempts_decide():
    world = World(8, {"mixed": 1})
    lane = world.lane("mixed")
    for seconds, slow in [(1, False), (1, False), (1, False), (9, False), (9, True), (1, True)]:
        world.seconds["mixed"] = seconds
        world.prove("mixed")
        assert lane.slow(world.now) is slow


def test_a_time_limit_that_ended_an_attempt_makes_it_slow_however_short_it_was():
    world = World(8, {"hangs": 1})
    lane = world.lane("hangs")
    world.shares.take(lane)
    seat = world.shares.begin(lane, 0.0)
    seat.handled(0.1, timed_out=True)
    assert lane.slow(0.1)


def test_what_was_given_up_and_has_not_returned_holds_its_place():
    told = []
    shares = Shares(2, lambda shares, change: told.append((shares.stuck, change)))
    lane = shares.lane("hangs")
    shares.take(lane)
    seat = shares.begin(lane, 0.0)
    seat.abandoned(1)
    seat.handled(1.0, timed_out=True)
    seat.leave()
    assert (shares.held, lane.held) == (1, 1)
    assert not shares.may_start(lane, 1.0)
    seat.abandoned(-1)
    assert (shares.held, lane.held) == (0, 0)
    assert told == [(1, 1), (0, -1)]


def test_when_room_is_short_who_holds_less_goes_first():
    world = World(5, {"busy": 1, "late": 1})
    world.prove("busy", "late")
    world.queue("busy", 100)
    world.turn()
    assert world.held("busy") == 5
    assert world.arrive("late")
    world.queue("late", 1)
    for _ in range(2):  # one for the place that is held beyond the room
        *_, seat = world.running.pop(0)
        seat.handled(world.now)
        seat.leave()
    assert not world.shares.may_start(world.lane("busy"), world.now)
    assert list(world.shares.grants(world.now)) == [world.lane("late")]


def test_the_last_place_is_for_a_lane_that_waits_and_holds_less():
    world = World(8, {"busy": 1, "late": 1})
    world.prove("busy", "late")
    for name in ["busy"] * 6 + ["late"]:
        assert world.arrive(name)
    late = world.lane("late")
    world.shares.expect(late, world.now)
    assert not world.shares.may_start(world.lane("busy"), world.now)
    late.due = world.now + 1
    assert world.shares.may_start(world.lane("busy"), world.now)


@pytest.mark.parametrize(("room", "at_once"), [(1, 0), (4, 3), (16, 12), (128, 96)])
def test_where_room_is_short_what_waits_in_the_store_goes_before_what_comes_in(room, at_once):
    world = World(room, {"busy": 1})
    world.prove("busy")
    lane = world.lane("busy")
    world.shares.expect(lane, world.now)
    for _ in range(at_once):
        assert world.arrive("busy")
    assert not world.shares.may_start(lane, world.now)


def test_what_waits_in_the_store_for_later_is_in_nobodys_way():
    world = World(2, {"busy": 1})
    world.prove("busy")
    world.shares.expect(world.lane("busy"), world.now + 1)
    assert world.arrive("busy")


def test_an_attempt_that_is_only_being_recorded_holds_no_place_and_of_such_there_is_a_bound():
    world = World(2, {"busy": 1})
    world.prove("busy")
    lane, shares = world.lane("busy"), world.shares
    recorded = []
    for number in range(5):
        if not shares.may_start(lane, world.now):
            break
        shares.take(lane)
        seat = shares.begin(lane, world.now)
        assert (lane.held, shares.recording) == (max(1, number - 1), min(number, 2))
        seat.handled(world.now)
        recorded.append(seat)
    assert (len(recorded), shares.recording, lane.held) == (4, 2, 2)
    for seat in recorded:
        seat.leave()
    assert (shares.recording, shares.held, lane.held) == (0, 0, 0)


def test_with_one_place_each_lane_has_one_attempt_at_a_time():
    world = World(1, {"a": 1, "b": 1, "c": 1})
    world.prove("a")
    for name in "abc":
        world.queue(name, 5)
    for _ in range(5):
        world.pass_time(1)
        assert [world.held(name) for name in "abc"] in ([1, 1, 1], [0, 0, 0])
    assert max(world.done.values()) - min(world.done.values()) <= 1


def test_a_lane_waits_for_what_it_depends_on():
    world = World(4, {"asks": 1})
    world.prove("asks")
    lane = world.lane("asks")
    world.shares.take(lane)
    seat = world.shares.begin(lane, world.now)
    seat.handled(world.now)
    seat.pause(world.now + 30)
    seat.pause(world.now + 20)
    seat.leave()
    assert not world.shares.may_start(lane, world.now)
    world.queue("asks", 3)
    assert world.shares.grants(world.now) == {}
    assert world.shares.next_turn(world.now) == world.now + 30
    assert world.shares.grants(world.now + 30) == {lane: 1}  # it asks whether the trouble is over


def test_what_was_under_way_when_a_pause_began_tells_nothing_of_what_comes_after_it():
    world = World(4, {"asks": 1})
    world.queue("asks", 2)
    world.prove("asks")
    world.turn()
    lane = world.lane("asks")
    (_, _, first), (_, _, second) = world.running
    first.pause(world.now + 30)
    second.handled(world.now)
    assert lane.new
    world.shares.resume()
    first.handled(world.now)
    assert not lane.new


def test_the_next_turn_is_when_something_can_be_claimed():
    world = World(2, {"a": 60, "b": 1})
    assert world.shares.next_turn(0.0) == math.inf
    world.shares.expect(world.lane("a"), 7.0)
    world.shares.expect(world.lane("a"), 9.0)
    assert world.shares.next_turn(0.0) == 7.0
    assert world.shares.waited_for
    world.backlog["a"] = 9
    world.now = 7.0
    world.turn()
    assert world.held("a") == 1
    assert world.shares.next_turn(7.0) == 7.0 + SLOW_SECONDS  # then it is slow rather than new
    assert world.shares.next_turn(10.0) == math.inf
    world.shares.expect(world.lane("b"), 10.0)
    assert world.shares.next_turn(10.0) == 10.0


def test_one_beside_all_others_takes_a_place_of_its_lane_when_it_stays():
    world = World(4, {"a": 1})
    lane = world.lane("a")
    passing, staying = (world.shares.begin(lane, 0.0, reserved=False) for _ in range(2))
    assert lane.held == 0
    passing.leave()
    staying.reserve()
    assert (lane.held, world.shares.held) == (1, 1)
    staying.leave()
    assert (lane.held, world.shares.held) == (0, 0)


def test_an_attempt_that_ends_unhandled_leaves_its_place_all_the_same():
    world = World(2, {"a": 1})
    world.shares.take(world.lane("a"))
    seat = world.shares.begin(world.lane("a"), 0.0)
    seat.leave()
    assert world.shares.held == 0
    assert world.lane("a").new
    assert not world.lane("a").slow(99.0)


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 130),
    kinds=st.lists(st.sampled_from(["quick", "slow", "hangs"]), min_size=1, max_size=12),
    steps=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 60)), max_size=40),
)
def test_whatever_comes_the_bounds_hold_and_nobody_starves(limit, kinds, steps):
    takes = {"quick": 0.1, "slow": 5.0, "hangs": 1e9}
    names = [f"{kind}_{number}" for number, kind in enumerate(kinds)]
    world = World(limit, {name: takes[name.split("_")[0]] for name in names})
    for which, number in steps:
        name = names[which % len(names)]
        for _ in range(number % 7):
            world.arrive(name)
        world.queue(name, number)
        world.pass_time(number / 10)
        assert 0 <= world.shares.held < limit + len(names)
        assert world.shares.held == len(world.running)
        assert all(world.lane(one).held >= 0 for one in names)
        for one in names:
            if world.lane(one).new and not world.lane(one).slow(world.now):
                assert world.held(one) <= 1
    for _ in range(100):
        world.pass_time(5.0)
    for name in names:
        if not name.startswith("hangs") and not any(one.startswith("hangs") for one in names):
            assert world.backlog[name] == 0 or world.done[name] > 0


@pytest.mark.parametrize("limit", [1, 16, 128])
@settings(max_examples=20, deadline=None)
@given(data=st.data(), proven=st.booleans())
def test_a_lane_finds_room_at_once_whatever_the_others_do(limit, data, proven):
    hanging = data.draw(st.integers(1, 150))
    world = World(limit, {"healthy": 0.01} | {f"h{n}": 1e9 for n in range(hanging)})
    if proven:
        world.prove("healthy")
    for _ in range(10):
        for _ in range(data.draw(st.integers(0, 50))):
            world.arrive(f"h{data.draw(st.integers(0, hanging - 1))}")
        assert world.arrive("healthy")
        world.pass_time(data.draw(st.sampled_from([0.1, 1.0, 3.0, 40.0])))


def test_a_grant_is_half_of_what_is_free_and_a_lanes_first_place_beside_it():
    world = World(16, {"shop": 0.1})
    world.prove("shop")
    world.queue("shop", 100)
    assert world.shares.grants(world.now) == {world.lane("shop"): 9}
