from hardpoint.runtime.clocks import SystemClock
from hardpoint.runtime.effects import AMBIENT, Effects
from hardpoint.testing import ManualClock


def test_effects_are_the_clocks_own_functions():
    clock = ManualClock()
    effects = Effects(clock, lambda: 0.25, lambda: "id")
    clock.advance(5)
    assert effects.monotonic() == clock.monotonic()
    assert effects.now() == clock.now()
    assert (effects.random(), effects.ids()) == (0.25, "id")
    effects.pause(2)
    assert clock.waits == [2]


def test_effects_can_be_exchanged_where_they_are_held():
    effects = Effects(SystemClock(), lambda: 0.25, lambda: "id")
    clock = ManualClock(monotonic=7)
    effects.use(clock, lambda: 0.75, lambda: "other")
    assert (effects.monotonic(), effects.random(), effects.ids()) == (7, 0.75, "other")


def test_by_default_time_chance_and_ids_are_real():
    assert isinstance(AMBIENT.clock, SystemClock)
    drawn = {AMBIENT.random() for _ in range(10)}
    assert len(drawn) == 10
    assert all(0 <= one < 1 for one in drawn)
    assert AMBIENT.ids() != AMBIENT.ids()
