"""What a circuit does, example by example; `test_circuit_model` compares it with a plain model."""

import threading
import time
from math import inf

import pytest

from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.circuit import STALE, Circuit, CircuitOutcome, CircuitState
from hardpoint.resilience.events import CircuitChanged
from hardpoint.runtime.effects import Effects
from hardpoint.testing import ManualClock

SUCCESS, FAILURE, NEUTRAL = CircuitOutcome.SUCCESS, CircuitOutcome.FAILURE, CircuitOutcome.NEUTRAL


@pytest.fixture
def make(effects, listeners):
    def circuit(timeout=None, **options):
        return Circuit(
            Breaker(**options), effects, name="crm", key="eu", lease=timeout, listeners=listeners
        )

    return circuit


def attempt(circuit, clock, outcome, took=0.0, error="OSError"):
    permit = circuit.claim(clock.monotonic())
    began = clock.monotonic()
    clock.advance(took)
    circuit.record(permit, outcome, began, clock.monotonic(), error)


def trip(circuit, clock):
    while circuit.state is CircuitState.CLOSED:
        attempt(circuit, clock, FAILURE)


def refused(circuit, clock):
    try:
        circuit.check(clock.monotonic())
    except CircuitOpenError:
        with pytest.raises(CircuitOpenError):
            circuit.claim(clock.monotonic())
        return True
    return False


def test_failures_in_a_row_open_it_and_a_success_ends_the_row(make, clock):
    circuit = make(failures=3)
    for outcome in (FAILURE, FAILURE, SUCCESS, FAILURE, FAILURE):
        attempt(circuit, clock, outcome)
    assert circuit.state is CircuitState.CLOSED
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.OPEN
    assert refused(circuit, clock)


def test_a_neutral_outcome_neither_adds_to_the_row_nor_ends_it(make, clock):
    circuit = make(failures=3)
    for outcome in (FAILURE, NEUTRAL, FAILURE, NEUTRAL):
        attempt(circuit, clock, outcome)
    assert (circuit.state, circuit.consecutive) == (CircuitState.CLOSED, 2)
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.OPEN


def test_a_refusal_says_who_when_and_why_and_is_new_each_time(make, clock):
    circuit = make(failures=1, recovery=60)
    attempt(circuit, clock, FAILURE, error="ConnectionResetError")
    clock.advance(15)
    refusals = []
    for ask in (circuit.check, circuit.claim):
        with pytest.raises(CircuitOpenError) as caught:
            ask(clock.monotonic())
        refusals.append(caught.value)
    assert refusals[0] is not refusals[1]
    for refusal in refusals:
        assert (refusal.policy, refusal.key, refusal.retry_after) == ("crm", "eu", 45)
        assert refusal.detail == "ConnectionResetError"
    assert circuit.retry_after == 45


def test_a_failure_rate_opens_it_once_there_are_calls_enough(make, clock):
    circuit = make(rate=0.5, min_calls=4, window=10)
    for outcome in (FAILURE, FAILURE, FAILURE):
        attempt(circuit, clock, outcome)
    assert circuit.state is CircuitState.CLOSED
    attempt(circuit, clock, SUCCESS)
    assert circuit.state is CircuitState.CLOSED, "what opens it is a call that fails"
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.OPEN


def test_failures_that_left_the_window_do_not_count(make, clock):
    circuit = make(rate=0.5, min_calls=4, window=10)
    for _ in range(3):
        attempt(circuit, clock, FAILURE)
    clock.advance(11)
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.CLOSED


def test_a_rate_over_the_last_calls_knows_no_time(make, clock):
    circuit = make(rate=0.5, min_calls=4, last=4)
    for outcome in (FAILURE, FAILURE, SUCCESS, SUCCESS, SUCCESS, FAILURE):
        clock.advance(1000)
        attempt(circuit, clock, outcome)
    assert circuit.state is CircuitState.CLOSED
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.OPEN


def test_slow_successes_open_it_too(make, clock, heard):
    circuit = make(slow=(2.0, 0.5), min_calls=4)
    for took in (0.1, 1.9, 2.0, 5.0):
        attempt(circuit, clock, SUCCESS, took)
    assert circuit.state is CircuitState.OPEN
    assert heard[-1].reason == "2 of 4 calls were slow"


def test_an_open_circuit_asks_after_its_recovery_with_one_call(make, clock):
    circuit = make(failures=1, recovery=60)
    trip(circuit, clock)
    clock.advance(59.9)
    assert refused(circuit, clock)
    clock.advance(0.1)
    assert circuit.state is CircuitState.HALF_OPEN
    assert circuit.claim(clock.monotonic()) != STALE
    assert refused(circuit, clock)
    assert circuit.retry_after is None


def test_good_probes_close_it_and_start_a_fresh_window(make, clock):
    circuit = make(rate=0.5, min_calls=2, successes=2)
    trip(circuit, clock)
    clock.advance(60)
    attempt(circuit, clock, SUCCESS)
    assert circuit.state is CircuitState.HALF_OPEN
    attempt(circuit, clock, SUCCESS)
    assert circuit.state is CircuitState.CLOSED
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.CLOSED


def test_bad_probes_make_it_wait_longer_each_time_up_to_a_cap(make, clock):
    circuit = make(failures=1, recovery=60, growth=2, recovery_max=200, jitter=0.1)
    trip(circuit, clock)
    waits = []
    for _ in range(4):
        waits.append(circuit.retry_after)
        clock.advance(circuit.retry_after)
        attempt(circuit, clock, FAILURE)
    # Chance is one half: half of a tenth comes on top.
    assert waits == pytest.approx([60, 126, 210, 210])


def test_closing_makes_it_forget_how_often_it_had_opened(make, clock):
    circuit = make(failures=1, recovery=60, successes=1, jitter=0)
    trip(circuit, clock)
    clock.advance(60)
    attempt(circuit, clock, FAILURE)
    clock.advance(120)
    attempt(circuit, clock, SUCCESS)
    trip(circuit, clock)
    assert circuit.retry_after == 60


def test_a_slow_probe_is_a_bad_one(make, clock, heard):
    circuit = make(slow=(2.0, 0.5), min_calls=1)
    attempt(circuit, clock, SUCCESS, took=3)
    clock.advance(60)
    attempt(circuit, clock, SUCCESS, took=3)
    assert circuit.state is CircuitState.OPEN
    assert heard[-1].reason == "a probe was slow"


def test_a_cancelled_probe_frees_its_permit_and_changes_no_count(make, clock):
    circuit = make(failures=1, successes=1)
    trip(circuit, clock)
    clock.advance(60)
    attempt(circuit, clock, NEUTRAL)
    assert circuit.state is CircuitState.HALF_OPEN
    attempt(circuit, clock, SUCCESS)
    assert circuit.state is CircuitState.CLOSED


def test_a_slow_success_from_before_the_trip_does_not_close_it(make, clock):
    circuit = make(failures=1, successes=1)
    slow = circuit.claim(clock.monotonic())
    trip(circuit, clock)
    circuit.record(slow, SUCCESS, 1000.0, clock.monotonic())
    assert circuit.state is CircuitState.OPEN
    clock.advance(60)
    probe = circuit.claim(clock.monotonic())
    circuit.record(slow, SUCCESS, 1000.0, clock.monotonic())
    circuit.record(slow, FAILURE, 1000.0, clock.monotonic())
    assert circuit.state is CircuitState.HALF_OPEN
    circuit.record(probe, SUCCESS, 1000.0, clock.monotonic())
    circuit.record(slow, FAILURE, 1000.0, clock.monotonic())
    assert (circuit.state, circuit.consecutive) == (CircuitState.CLOSED, 0)


def test_a_permit_counts_once(make, clock):
    circuit = make(failures=1, probes=1, successes=2)
    trip(circuit, clock)
    clock.advance(60)
    probe = circuit.claim(clock.monotonic())
    for _ in range(3):
        circuit.record(probe, SUCCESS, 0.0, clock.monotonic())
    assert circuit.state is CircuitState.HALF_OPEN


@pytest.mark.parametrize(
    ("timeout", "options", "seconds"),
    [(None, {}, 60), (7, {}, 7), (7, {"lease": 5.0}, 5)],
)
def test_a_probe_that_never_reports_is_given_to_another(make, clock, timeout, options, seconds):
    circuit = make(timeout, failures=1, recovery=60, successes=1, **options)
    trip(circuit, clock)
    clock.advance(60)
    lost = circuit.claim(clock.monotonic())
    clock.advance(seconds - 0.1)
    assert refused(circuit, clock)
    clock.advance(0.1)
    assert not refused_by_check(circuit, clock)
    attempt(circuit, clock, NEUTRAL)
    circuit.record(lost, FAILURE, 0.0, clock.monotonic())
    assert circuit.state is CircuitState.HALF_OPEN, "the lost probe's result is stale"


def refused_by_check(circuit, clock):
    try:
        circuit.check(clock.monotonic())
    except CircuitOpenError:
        return True
    return False


def test_forced_open_refuses_until_reset_and_names_no_time(make, clock):
    circuit = make()
    circuit.force_open()
    clock.advance(1e6)
    with pytest.raises(CircuitOpenError) as caught:
        circuit.check(clock.monotonic())
    assert caught.value.retry_after is None
    assert (circuit.state, circuit.until, circuit.idle) == (CircuitState.FORCED_OPEN, inf, False)
    circuit.reset()
    assert circuit.state is CircuitState.CLOSED
    assert not refused(circuit, clock)


def test_disabled_refuses_and_records_nothing_until_reset(make, clock):
    circuit = make(failures=1)
    circuit.disable()
    for _ in range(5):
        attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.DISABLED
    circuit.reset()
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.OPEN


def test_an_observing_circuit_tells_but_refuses_nothing(make, clock, heard):
    circuit = make(failures=1, observe=True, successes=1)
    trip(circuit, clock)
    assert circuit.state is CircuitState.OPEN
    circuit.check(clock.monotonic())
    assert circuit.claim(clock.monotonic()) == STALE
    attempt(circuit, clock, SUCCESS)
    clock.advance(60)
    attempt(circuit, clock, SUCCESS)
    assert circuit.state is CircuitState.CLOSED
    assert [event.after for event in heard] == ["open", "half_open", "closed"]


def test_every_change_is_told_with_its_reason(make, clock, heard):
    circuit = make(failures=2, successes=1, jitter=0)
    trip(circuit, clock)
    clock.advance(60)
    attempt(circuit, clock, FAILURE)
    clock.advance(120)
    attempt(circuit, clock, SUCCESS)
    circuit.force_open("maintenance")
    assert heard == [
        CircuitChanged("crm", "eu", "closed", "open", "2 failures in a row", 60),
        CircuitChanged("crm", "eu", "open", "half_open", "recovery is over", None),
        CircuitChanged("crm", "eu", "half_open", "open", "a probe failed", 120),
        CircuitChanged("crm", "eu", "open", "half_open", "recovery is over", None),
        CircuitChanged("crm", "eu", "half_open", "closed", "probes succeeded", None),
        CircuitChanged("crm", "eu", "closed", "forced_open", "maintenance", None),
    ]


def test_a_listener_may_ask_and_order_the_circuit_it_hears_of(effects, clock):
    circuit = None

    def reset(_event):
        if circuit.state is CircuitState.OPEN:
            circuit.reset()

    circuit = Circuit(Breaker(failures=1), effects, listeners=Listeners(reset))
    attempt(circuit, clock, FAILURE)
    assert circuit.state is CircuitState.CLOSED


def test_eight_threads_never_hold_more_probes_than_allowed():
    clock = ManualClock()
    circuit = Circuit(
        Breaker(failures=1, probes=3, successes=100_000), Effects(clock, lambda: 0.5, str)
    )
    attempt(circuit, clock, FAILURE)
    clock.advance(60)
    lock, out, most, claimed = threading.Lock(), 0, 0, 0

    def hammer():
        nonlocal out, most, claimed
        for turn in range(500):
            try:
                permit = circuit.claim(clock.monotonic())
            except CircuitOpenError:
                continue
            with lock:
                out += 1
                most = max(most, out)
                claimed += 1
            with lock:
                out -= 1
            circuit.record(permit, SUCCESS if turn % 3 else NEUTRAL, 0.0, 0.0)

    in_threads(hammer)
    assert claimed > 100
    assert most <= 3
    assert not circuit._probes
    assert circuit.state is CircuitState.HALF_OPEN


def test_eight_threads_failing_open_it_once_and_no_count_is_lost():
    changes, clock = [], ManualClock()
    effects = Effects(clock, lambda: 0.5, str)
    circuit = Circuit(Breaker(failures=4000), effects, listeners=Listeners(changes.append))

    def hammer():
        for _ in range(500):
            circuit.record(circuit.claim(1000.0), FAILURE, 1000.0, 1000.0, "OSError")

    in_threads(hammer)
    assert [(change.before, change.after) for change in changes] == [("closed", "open")]


def test_a_success_that_ends_the_row_before_the_lock_is_taken_keeps_it_closed(make, clock):
    circuit = make(failures=1)
    permit = circuit.claim(1000.0)
    failing = threading.Thread(target=circuit.record, args=(permit, FAILURE, 1000.0, 1000.0))
    with circuit._lock:
        failing.start()
        end = time.monotonic() + 10
        while circuit.consecutive == 0:
            assert time.monotonic() < end
            time.sleep(0.001)
        circuit.consecutive = 0  # as the runner does
    failing.join(10)
    assert circuit.state is CircuitState.CLOSED


def in_threads(function, number=8):
    failures = []

    def run():
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
