"""One event for every decision, and listeners that cannot change it."""

import asyncio
import dataclasses

import pytest

from hardpoint.core.errors import CircuitOpenError
from hardpoint.core.events import Listeners
from hardpoint.resilience import events
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.events import (
    AttemptEnded,
    CallEnded,
    CallQueued,
    CallRejected,
    CircuitChanged,
    FellBack,
    RetryScheduled,
)
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry


def attempt(number, seconds, error):
    return AttemptEnded(
        connection="crm", attempt=number, seconds=seconds, error=error, correlation_id=None
    )


def ended(attempts, seconds, error, stopped=None):
    return CallEnded(
        connection="crm",
        attempts=attempts,
        seconds=seconds,
        error=error,
        stopped=stopped,
        correlation_id=None,
    )


def test_a_call_with_retries_tells_each_attempt(policy, script, call, heard, listeners):
    crm = policy(retry=Retry(3, on=OSError, backoff=1), listeners=listeners)
    call(crm, script((2, OSError()), (3, "answer")))
    assert heard == [
        attempt(1, 2, "OSError"),
        RetryScheduled("crm", None, 1, 1, "OSError"),
        attempt(2, 3, None),
        ended(2, 6, None),
    ]


def test_a_result_that_is_asked_for_again_is_told_as_one(policy, script, call, heard, listeners):
    retry = Retry(2, on_result=lambda result: result == "busy", backoff=1)
    call(policy(retry=retry, listeners=listeners), script("busy", "done"))
    assert sorted(heard, key=repr) == [
        attempt(1, 0, "result"),
        attempt(2, 0, None),
        ended(2, 1, None),
        RetryScheduled("crm", None, 1, 1, "result"),
    ]


def test_an_opening_circuit_its_refusals_and_fallbacks_are_told(
    policy, script, call, heard, listeners
):
    crm = policy(breaker=Breaker(failures=1), fallback=0, listeners=listeners)
    call(crm, script(OSError()))
    call(crm, script("answer"))
    assert heard == [
        CircuitChanged("crm", None, "closed", "open", "1 failures in a row", 60),
        attempt(1, 0, "OSError"),
        ended(1, 0, "OSError", stopped="no retry"),
        FellBack("crm", None, "OSError"),
        CallRejected("crm", None, "CircuitOpenError"),
        FellBack("crm", None, "CircuitOpenError"),
    ]


def test_a_refusal_without_a_fallback_is_told_too(policy, script, call, heard, listeners):
    crm = policy(breaker=Breaker(failures=1), listeners=listeners)
    crm.breaker.force_open()
    heard.clear()
    with pytest.raises(CircuitOpenError):
        call(crm, script("answer"))
    assert heard == [CallRejected("crm", None, "CircuitOpenError")]


def test_waiting_in_line_is_told(policy, script, heard, listeners, clock):
    crm = policy(rate=RateLimit(1), bulkhead=Bulkhead(1, queue=5), listeners=listeners)

    async def scenario():
        calls = [crm.call(script((3, "answer")).asynchronous) for _ in range(2)]
        await asyncio.gather(*calls)

    clock.run(scenario())
    assert [event.part for event in heard if isinstance(event, CallQueued)] == ["rate", "bulkhead"]


def test_a_key_is_told_with_every_event(policy, script, call, heard, listeners):
    crm = policy(key=lambda host: host, breaker=Breaker(failures=1), listeners=listeners)
    for _ in range(2):
        with pytest.raises((OSError, CircuitOpenError)):
            call(crm, script(OSError()), "eu")
    kinds = (AttemptEnded, CallEnded)
    assert {one.state_key if isinstance(one, kinds) else one.key for one in heard} == {"eu"}


def test_a_listener_that_raises_changes_nothing_and_is_counted(policy, script, call):
    def broken(_event):
        raise RuntimeError

    listeners = Listeners(broken)
    crm = policy(
        retry=Retry(2, on=OSError, backoff=0), breaker=Breaker(failures=9), listeners=listeners
    )
    assert call(crm, script(OSError(), "answer")) == "answer"
    with pytest.raises(OSError):
        call(crm, script(OSError()))
    assert listeners.failures == 8
    assert crm.stats().succeeded == 1


def test_listening_may_begin_late_and_end(policy, script, call, heard):
    crm = policy()
    call(crm, script("answer"))
    stop = crm.listen(heard.append)
    call(crm, script("answer"))
    stop()
    call(crm, script("answer"))
    assert heard == [attempt(1, 0, None), ended(1, 0, None)]


def test_no_event_carries_what_was_sent_or_received(policy, script, call, heard, listeners):
    crm = policy(retry=Retry(2, on=OSError, backoff=0), fallback=0, listeners=listeners)
    call(crm, script(OSError("card 4242")), "card 4242", token="card 4242")
    assert heard
    assert "4242" not in repr(heard)


def test_events_are_frozen_values():
    kinds = [kind for kind in vars(events).values() if dataclasses.is_dataclass(kind)]
    assert len(kinds) > 8
    for kind in kinds:
        assert kind.__dataclass_params__.frozen


def test_each_attempt_at_a_result_is_told_once_under_its_number(
    policy, script, call, heard, listeners
):
    retry = Retry(2, on_result=lambda result: result == "busy", backoff=1)

    call(policy(retry=retry, listeners=listeners), script("busy"))

    told = [(one.attempt, one.error) for one in heard if isinstance(one, AttemptEnded)]
    assert told == [(1, "result"), (2, None)]


def test_a_result_that_stays_bad_ends_a_call_that_says_why(policy, script, call, heard, listeners):
    retry = Retry(2, on_result=lambda result: result == "busy", backoff=1)

    call(policy(retry=retry, listeners=listeners), script("busy", "busy"))

    assert heard[-1] == ended(2, 1, None, stopped="attempts")


def test_where_somebody_above_tells_of_calls_only_decisions_are_told(
    policy, script, call, heard, listeners
):
    crm = policy(retry=Retry(2, on=OSError, backoff=1), listeners=listeners, tells_calls=False)
    call(crm, script(OSError(), "answer"))
    assert heard == [RetryScheduled("crm", None, 1, 1, "OSError")]
