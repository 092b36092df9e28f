import pytest

from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.state import PolicyParts, PolicyState, Stats


@pytest.fixture
def make(effects):
    def state(key=None, **options):
        return PolicyState(
            PolicyParts(name="crm", effects=effects, listeners=Listeners(), **options), key
        )

    return state


def test_only_the_parts_that_the_policy_has_are_there(make):
    bare = make()
    assert not any(hasattr(bare, part) for part in ("circuit", "meter", "room", "account"))
    full = make(breaker=Breaker(), rate=RateLimit(1), bulkhead=Bulkhead(1), budget=Budget())
    assert all(hasattr(full, part) for part in ("circuit", "meter", "room", "account"))


def test_a_bare_state_has_no_parts_to_tell_of(make):
    state = make()
    assert state.idle
    assert state.stats() == Stats()


def test_it_tells_who_is_inside_who_waits_and_how_the_circuit_stands(make):
    state = make("eu", breaker=Breaker(), rate=RateLimit(1), bulkhead=Bulkhead(3))
    state.room.free -= 2
    state.meter._starts.append(1.0)
    state.room.line.append(object())
    state.circuit.force_open()
    stats = state.stats()
    assert (stats.in_flight, stats.waiting) == (2, 2)
    assert stats.circuits == {"eu": "forced_open"}


@pytest.mark.parametrize(
    "use",
    [
        lambda state: setattr(state.room, "free", 0),
        lambda state: state.room.line.append(object()),
        lambda state: state.meter._starts.append(1.0),
        lambda state: state.circuit.disable(),
    ],
)
def test_a_state_in_use_is_not_idle(make, use):
    state = make(breaker=Breaker(), rate=RateLimit(1), bulkhead=Bulkhead(3))
    assert state.idle
    use(state)
    assert not state.idle


def test_counts_add_up_and_circuits_stand_side_by_side():
    one = Stats(succeeded=1, failed=2, waiting=3, circuits={"a": "open"})
    two = Stats(succeeded=10, refused=5, circuits={"b": "closed"})
    assert one + two == Stats(
        succeeded=11, failed=2, refused=5, waiting=3, circuits={"a": "open", "b": "closed"}
    )
