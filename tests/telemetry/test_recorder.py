"""What is kept in memory is bounded, and says what was; health is judged from it. No server."""

import sys
import threading

import pytest

from hardpoint import AttemptEnded, CallEnded
from hardpoint.calls.events import QuotaHeard
from hardpoint.telemetry.health import (
    CredentialHealth,
    HealthState,
    connection_state,
    credential_state,
    source_state,
    usual_silence,
    worst,
)
from hardpoint.telemetry.prometheus import VALUES_MAX, PrometheusMetrics
from hardpoint.telemetry.recorder import FEED_MAX, Recorder
from hardpoint.testing import ManualClock
from hardpoint.webhooks.reception import RequestsRefused

NAMES = {"connection": "crm", "provider": "rest", "operation": "GET /"}


def attempt(call="1", number=1, **changes):
    facts = {"seconds": 0.1, "error": None, "status": 200, "request_id": None}
    facts |= {"correlation_id": None, **NAMES, **changes}
    return AttemptEnded(call_id=call, attempt=number, **facts)


def call(identifier="1", error=None, seconds=0.1, **changes):
    facts = {**NAMES, "attempts": 1, "correlation_id": None, **changes}
    return CallEnded(call_id=identifier, error=error, seconds=seconds, **facts)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def recorder(clock):
    return Recorder(clock, calls_max=3)


def test_rates_are_those_of_the_last_five_minutes(recorder, clock):
    for number in range(20):
        recorder(call(str(number), seconds=1.0 if number else 5.0))
    recorder(call("x", error="unavailable"))
    recorder(call("y", error="declined"))  # an answer
    rates = recorder.rates("crm")
    assert (rates.calls, rates.failed, rates.last_error) == (22, 1, "declined")
    assert 1.0 <= rates.p95_seconds <= 1.2
    clock.advance(301)
    assert recorder.rates("crm").calls == 0
    assert recorder.rates("crm").p95_seconds is None
    assert recorder.rates("nobody").calls == 0


def test_calls_may_end_in_other_threads_while_somebody_looks(recorder, clock):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work():
        for number in range(3000):
            clock.advance(0.5)
            recorder(call(str(number)))

    try:
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            recorder.rates("crm")
            recorder.call("9999999")
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert recorder.rates("crm").calls == pytest.approx(600, abs=20)


def test_the_last_calls_are_kept_with_their_attempts(recorder, clock):
    recorder(attempt("a", 1, error="unavailable", status=503))
    clock.advance(2.0)
    recorder(attempt("a", 2))
    recorder(call("a"))
    first, second = recorder.call("a").attempts
    assert (first.waited, second.waited) == (None, pytest.approx(1.9))
    for one in "bcd":
        recorder(call(one))
    assert [one.id for one in recorder.calls()] == ["d", "c", "b"]
    assert recorder.call("a") is None
    assert recorder.call("") is None
    assert [one.id for one in recorder.calls(limit=1)] == ["d"]
    assert recorder.calls(failed=True) == []


def test_an_end_that_several_ids_have_names_none(recorder):
    recorder(call("1-x"))
    recorder(call("2-x"))
    assert recorder.call("x") is None
    assert recorder.call("1-x").id == "1-x"


def test_attempts_of_calls_that_never_end_are_forgotten(recorder, monkeypatch):
    monkeypatch.setattr("hardpoint.telemetry.recorder._OPEN_MAX", 2)
    for one in "abc":
        recorder(attempt(one))
    recorder(call("a"))
    recorder(call("c"))
    assert (recorder.call("a").attempts, len(recorder.call("c").attempts)) == ((), 1)


def test_no_more_connections_are_told_apart_than_the_bound(recorder, monkeypatch):
    monkeypatch.setattr("hardpoint.telemetry.recorder._CONNECTIONS_MAX", 1)
    for name in ("one", "two"):
        recorder(call(name, connection=name))
        recorder(QuotaHeard(connection=name, remaining=1, limit=None, reset_in=5.0))
    assert [recorder.rates(one).calls for one in ("one", "two")] == [1, 0]
    assert [recorder.quota(one) for one in ("one", "two")] == [(1, None), None]


def test_a_quota_is_known_until_it_counts_anew(recorder, clock):
    recorder(QuotaHeard(connection="crm", remaining=3, limit=10, reset_in=5.0))
    assert recorder.quota("crm") == (3, 10)
    clock.advance(6)
    assert recorder.quota("crm") is None


def test_the_feed_holds_the_last_events_and_followers_hear_each(recorder):
    for number in range(FEED_MAX + 5):
        recorder(call(str(number)))
    assert len(recorder.feed()) == FEED_MAX
    assert recorder.feed()[-1]["event"] == "call_ended"
    heard = []
    stop = recorder.follow(heard.append)
    recorder(QuotaHeard(connection="crm", remaining=3, limit=10, reset_in=5.0))
    stop()
    recorder(call("z"))
    assert [one["event"] for one in heard] == ["quota_heard"]


NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({}, HealthState.UP, ""),
        ({"circuit": "open"}, HealthState.DOWN, "open"),
        ({"circuit": "half_open"}, HealthState.DEGRADED, "half open"),
        ({"calls": 9, "error_rate": 1.0}, HealthState.UP, ""),
        ({"calls": 10, "error_rate": 0.05}, HealthState.DEGRADED, "5% of 10"),
    ],
)
def test_a_connection_is_judged(facts, state, words):
    known = {"calls": 0, "error_rate": None, "circuit": "closed", "credentials": (), "now": NOW}
    found, reasons = connection_state(**(known | facts))
    assert found is state
    assert words in " ".join(reasons)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, None),
        ({"expires_at": NOW + 90_000}, None),
        ({"expires_at": NOW + 3600}, "expires in 1.0 h"),
        ({"expires_at": NOW + 3600, "renewed": True}, None),
        ({"expires_at": NOW - 1}, "has expired"),
        ({"state": "needs_reauth"}, "connected again"),
        ({"state": "in_doubt"}, "cannot be renewed"),
    ],
)
def test_a_credential_is_judged(facts, words):
    found = credential_state(CredentialHealth(name="k", **facts), NOW)
    assert (found is None) if words is None else (words in found[1])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"refusals": {"stale_timestamp": 3}}, "3 refused: stale_timestamp"),
        ({"oldest_due": 301.0}, "due for 301 s"),
        ({"dead": 2}, "2 dead letters"),
        ({"last_at": NOW - 10_000, "usually_silent": 100.0}, "silent for 10000 s"),
        ({"last_at": NOW - 100, "usually_silent": 1.0}, ""),
    ],
)
def test_a_source_is_judged(facts, words):
    known = {"refusals": {}, "oldest_due": None, "dead": 0, "last_at": None}
    known |= {"usually_silent": None, "now": NOW}
    state, reasons = source_state(**(known | facts))
    assert (state is HealthState.UP) is not bool(words)
    assert words in " ".join(reasons)


def test_the_usual_silence_is_that_of_ninety_five_gaps_in_a_hundred():
    assert usual_silence([5.0, 4.0]) is None
    times = [float(one) for one in range(100, 0, -1)]
    assert usual_silence(times) == 1.0


def test_the_worst_of_none_is_up():
    assert worst(()) is HealthState.UP


def test_ten_thousand_sources_cost_no_more_than_the_bound():
    metrics = PrometheusMetrics()
    for number in range(10_000):
        metrics(RequestsRefused(source=f"s{number}", reason="malformed_request", count=1))
    lines = metrics._registry.collect()
    text = {
        sample.labels["source"]
        for family in lines
        for sample in family.samples
        if sample.name == "hardpoint_webhook_refusals_total"
    }
    assert len(text) == VALUES_MAX + 1
    other = metrics._registry.get_sample_value(
        "hardpoint_webhook_refusals_total",
        {"source": "(other)", "reason": "malformed_request"},
    )
    assert other == 10_000 - VALUES_MAX
