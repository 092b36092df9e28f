import threading
from math import inf

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.state import Keyed, PolicyParts, PolicyStates


def by(key):
    return key


@pytest.fixture
def parts(effects):
    return PolicyParts(
        name="crm", effects=effects, listeners=Listeners(), breaker=Breaker(failures=1)
    )


def keys_of(states):
    return {state.key for state in states.all()}


def test_a_state_is_made_when_first_asked_for_and_kept(parts):
    states = PolicyStates(parts, Keyed(by))
    assert states.all() == ()
    state = states.at("a", 1000.0)
    assert states.at("a", 1001.0) is state
    assert states.at("b", 1001.0) is not state
    assert (state.key, state.used) == ("a", 1001.0)


def test_beyond_the_limit_the_one_not_used_for_longest_goes(parts):
    states = PolicyStates(parts, Keyed(by, limit=3))
    for second, key in enumerate(["a", "b", "c"], 1):
        states.at(key, 1000.0 + second)
    states.at("a", 1004.0)
    states.at("d", 1005.0)
    assert keys_of(states) == {"a", "c", "d"}


def test_a_flood_of_keys_stays_within_the_limit(parts):
    states = PolicyStates(parts, Keyed(by, limit=50))
    for number in range(2000):
        states.at(number, 1000.0 + number)
        states.at("busy", 1000.0 + number)
    assert len(states.all()) <= 50
    assert "busy" in keys_of(states)


def test_idle_keys_are_forgotten_as_new_ones_come(parts):
    states = PolicyStates(parts, Keyed(by, idle=60))
    for number in range(10):
        states.at(number, 1000.0)
    for number in range(10):
        states.at(f"new-{number}", 1061.0)
    assert keys_of(states) == {f"new-{number}" for number in range(10)}


def test_keys_used_within_the_idle_time_stay(parts):
    states = PolicyStates(parts, Keyed(by, idle=60))
    for number in range(10):
        states.at(number, 1000.0)
    for number in range(10):
        states.at(f"new-{number}", 1060.0)
    assert len(states.all()) == 20


def test_an_open_circuit_is_not_forgotten_however_many_keys_come(parts):
    states = PolicyStates(parts, Keyed(by, limit=5, idle=60))
    states.at("broken", 1000.0).circuit.force_open()
    for number in range(200):
        states.at(number, 5000.0 + number)
    assert "broken" in keys_of(states)
    assert len(states.all()) <= 6


def test_keys_with_calls_under_way_or_in_line_are_not_forgotten(effects):
    parts = PolicyParts(
        name="crm",
        effects=effects,
        listeners=Listeners(),
        rate=RateLimit(1, per=10),
        bulkhead=Bulkhead(1, queue=5),
    )
    states = PolicyStates(parts, Keyed(by, limit=2))
    states.at("inside", 1000.0).room.free -= 1
    states.at("in line", 1000.0).meter._starts.append(1001.0)
    for number in range(100):
        states.at(number, 1001.0 + number)
    assert {"inside", "in line"} <= keys_of(states)
    assert len(states.all()) <= 4


def test_without_keys_there_is_one_state(parts):
    states = PolicyStates(parts)
    assert states.at(None, 1000.0) is states.at(None, 1e9)


def test_a_derived_policy_takes_the_parts_that_stayed_the_same(parts):
    origin = PolicyStates(parts, Keyed(by))
    derived = PolicyStates(parts, Keyed(by), origin=origin)
    assert derived.at("a", 1000.0).circuit is origin.at("a", 1000.0).circuit
    assert derived.at("a", 1000.0) is not origin.at("a", 1000.0)


def test_eight_threads_asking_for_the_same_keys_get_the_same_states(parts):
    states, start, seen = PolicyStates(parts, Keyed(by)), threading.Barrier(8), []

    def ask():
        start.wait()
        seen.append([states.at(number, 1000.0) for number in range(200)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found == seen[0] for found in seen)
    assert len(states.all()) == 200


def test_who_comes_second_for_a_new_key_gets_the_state_of_the_first(parts):
    states = PolicyStates(parts, Keyed(by))
    assert states._add("a", 1000.0) is states._add("a", 1000.0)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"by": "host"}, "by"),
        *(({"by": by, "limit": bad}, "limit") for bad in (0, -1, 1.5, None, True)),
        *(({"by": by, "idle": bad}, "idle") for bad in (0, -1, inf, "1", None)),
    ],
)
def test_senseless_keys_are_refused_by_their_option(options, option):
    with pytest.raises(ConfigurationError) as caught:
        Keyed(**options)
    assert caught.value.key == f"Keyed.{option}"
