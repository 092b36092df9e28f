"""The circuit against a plain model of it: claims, late and lost results, cancellation, time."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.circuit import Circuit, CircuitOutcome, CircuitState
from hardpoint.resilience.events import CircuitChanged
from hardpoint.runtime.effects import Effects
from hardpoint.testing import ManualClock

LEASE = 4.0

BREAKERS = st.builds(
    lambda rule, **rest: Breaker(**rule, **rest),
    rule=st.sampled_from(
        [
            {"failures": 2},
            {"failures": 3},
            {"rate": 0.5, "min_calls": 3, "window": 10.0},
            {"rate": 0.5, "min_calls": 3, "last": 4},
            {"slow": (2.0, 0.5), "min_calls": 2, "window": 10.0},
            {"failures": 3, "rate": 0.6, "slow": (2.0, 0.7), "min_calls": 4, "last": 6},
        ]
    ),
    probes=st.integers(1, 3),
    successes=st.integers(1, 3),
    recovery=st.just(8.0),
    growth=st.sampled_from([1.0, 2.0]),
    recovery_max=st.sampled_from([8.0, 20.0]),
    jitter=st.sampled_from([0.0, 0.25]),
    lease=st.just(LEASE),
    observe=st.booleans(),
)


class Model:
    """A breaker as one would explain it: no numbers for permits, no buckets, nothing cached."""

    def __init__(self, options, now):
        self.options = options
        self.trips = 0
        self.until = 0.0
        self.enter("closed", now)

    def enter(self, state, now):
        self.state = state
        self.era = object()
        self.since = now
        self.row = 0
        self.history = []
        self.probes = []
        self.good = 0
        if state == "closed":
            self.trips = 0

    def open(self, now, seconds):
        self.until = now + seconds
        self.trips += 1
        self.enter("open", now)

    def admits(self, now):
        if self.state == "half_open":
            self.probes = [probe for probe in self.probes if probe["lease_until"] > now]
            return len(self.probes) < self.options.probes
        if self.state == "open":
            return now >= self.until
        return self.state != "forced_open"

    def claim(self, now):
        """A permit, or None for a refusal."""
        if not self.admits(now):
            return None
        if self.state == "open":
            self.enter("half_open", now)
        permit = {"era": self.era, "state": self.state, "lease_until": now + LEASE}
        if self.state == "half_open":
            self.probes.append(permit)
        return permit

    def record(self, permit, outcome, slow, now):
        if permit is None or permit["era"] is not self.era:
            return
        if permit["state"] == "closed" and outcome is not CircuitOutcome.NEUTRAL:
            self.count(outcome is CircuitOutcome.FAILURE, slow, now)
        elif permit["state"] == "half_open" and any(one is permit for one in self.probes):
            self.probes = [one for one in self.probes if one is not permit]
            self.judge(outcome, slow, now)

    def count(self, failed, slow, now):
        options = self.options
        self.row = self.row + 1 if failed else 0
        self.history.append((now, failed, slow))
        seen = self.seen(now)
        bad = options.in_a_row is not None and self.row >= options.in_a_row
        if options.has_window and len(seen) >= options.min_calls:
            failures = sum(one[1] for one in seen)
            slows = sum(one[2] for one in seen)
            bad |= options.rate is not None and failures >= options.rate * len(seen)
            bad |= options.slow is not None and slows >= options.slow[1] * len(seen)
        if bad and (failed or slow):
            self.open(now, options.recovery)

    def seen(self, now):
        if self.options.last is not None:
            return self.history[-self.options.last :]
        tenth = self.options.window / 10
        current = (now - self.since) // tenth
        return [one for one in self.history if (one[0] - self.since) // tenth > current - 10]

    def judge(self, outcome, slow, now):
        options = self.options
        if outcome is CircuitOutcome.NEUTRAL:
            return
        if outcome is CircuitOutcome.FAILURE or slow:
            wait = min(options.recovery * options.growth**self.trips, options.recovery_max)
            self.open(now, wait * (1 + options.jitter / 2))
            return
        self.good += 1
        if self.good >= options.successes:
            self.enter("closed", now)


class Machine(RuleBasedStateMachine):
    permits = Bundle("permits")

    @initialize(options=BREAKERS)
    def begin(self, options):
        self.clock = ManualClock(monotonic=1000.0)
        self.heard = []
        self.circuit = Circuit(
            options,
            Effects(self.clock, lambda: 0.5, str),
            listeners=Listeners(self.heard.append),
        )
        self.model = Model(options, 1000.0)

    @property
    def now(self):
        return self.clock.monotonic()

    @rule(target=permits)
    def claim(self):
        expected = self.model.claim(self.now)
        if expected is not None or self.circuit.observing:
            return (self.circuit.claim(self.now), expected, self.now)
        with pytest.raises(CircuitOpenError) as caught:
            self.circuit.claim(self.now)
        if self.model.state == "open":
            assert caught.value.retry_after == pytest.approx(self.model.until - self.now)
        return (0, expected, self.now)

    @rule()
    def check(self):
        admitted = self.circuit.observing or self.model.admits(self.now)
        try:
            self.circuit.check(self.now)
        except CircuitOpenError:
            assert not admitted
        else:
            assert admitted

    @rule(permit=permits, outcome=st.sampled_from(CircuitOutcome))
    def record(self, permit, outcome):
        """Now, late, or again: the same permit may be drawn more than once."""
        number, expected, began = permit
        slow_after = None if self.model.options.slow is None else self.model.options.slow[0]
        slow = slow_after is not None and self.now - began >= slow_after
        self.model.record(expected, outcome, slow, self.now)
        self.circuit.record(number, outcome, began, self.now, "OSError")

    @rule(outcomes=st.lists(st.sampled_from(CircuitOutcome), min_size=1, max_size=4))
    def attempt(self, outcomes):
        for outcome in outcomes:
            expected = self.model.claim(self.now)
            try:
                permit = self.circuit.claim(self.now)
            except CircuitOpenError:
                assert expected is None
                continue
            self.model.record(expected, outcome, False, self.now)
            self.circuit.record(permit, outcome, self.now, self.now, "OSError")

    @rule(quarters=st.integers(0, 50))
    def pass_time(self, quarters):
        self.clock.advance(quarters / 4)

    @rule(seconds=st.floats(-1e6, 1e6))
    def set_the_wall_clock(self, seconds):
        self.clock.jump(seconds)

    @rule(order=st.sampled_from(["force_open", "disable", "reset"]))
    def order(self, order):
        state = {"force_open": "forced_open", "disable": "disabled", "reset": "closed"}[order]
        self.model.enter(state, self.now)
        getattr(self.circuit, order)()

    @invariant()
    def it_stands_where_the_model_stands(self):
        expected = self.model.state
        assert self.circuit._state.value == expected
        ready = expected == "open" and self.now >= self.model.until
        assert self.circuit.state is (CircuitState.HALF_OPEN if ready else CircuitState(expected))
        assert self.circuit.shut == (expected != "closed")
        if expected == "open":
            left = max(0.0, self.model.until - self.now)
            assert self.circuit.retry_after == pytest.approx(left)
        if expected == "closed":
            assert self.circuit.consecutive == self.model.row
        if expected == "half_open":
            assert len(self.circuit._probes) == len(self.model.probes)
            assert len(self.circuit._probes) <= self.model.options.probes

    @invariant()
    def every_change_was_told_and_they_follow_each_other(self):
        assert all(isinstance(change, CircuitChanged) for change in self.heard)
        states = ["closed", *(change.after for change in self.heard)]
        assert [change.before for change in self.heard] == states[:-1]
        assert states[-1] == self.model.state


TestCircuit = Machine.TestCase
TestCircuit.settings = settings(
    settings.get_profile("hardpoint"), max_examples=150, stateful_step_count=40
)
