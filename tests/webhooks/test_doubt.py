"""Handlers whose calls may have acted: tried again under the same key, or parked; never blindly."""

import asyncio

import pytest

from hardpoint.calls.key import occasion
from hardpoint.core.errors import OutcomeUnknownError, UnavailableError
from hardpoint.store.driver import Outcome
from hardpoint.store.journal import JobName
from hardpoint.store.views import State
from hardpoint.webhooks.attempts import doubts_in
from hardpoint.webhooks.handlers import Permanent, RetryAfter, Skip


def unknown(**facts):
    return OutcomeUnknownError("no answer", provider="stripe", operation="pay", **facts)


def handle(rig, function, **options):
    """Delivers one event to a handler and gives the first attempt that ended."""
    rig.on(**({"name": "handler", "retry": [10, 10]} | options))(function)

    async def scenario():
        await rig.deliver()
        await rig.until(rig.attempts)

    rig.play(scenario)
    return rig.attempts()[0]


def raising(error, cause=None):
    async def handler(event, job):
        raise error from cause

    return handler


def parked(rig):
    (event,) = rig.read(lambda reader: reader.events())
    (letter,) = rig.read(lambda reader: reader.dead_letters())
    return (event.state, letter.reason) == (State.NEEDS_RECONCILE, "needs_reconcile")


def test_what_may_have_acted_and_cannot_be_told_from_a_repeat_is_parked(rig):
    one = rig()
    attempt = handle(one, raising(unknown()))
    assert (attempt.outcome, attempt.retry_in) == (Outcome.NEEDS_RECONCILE, None)
    assert attempt.severity == "error"
    assert parked(one)
    assert one.read(lambda reader: reader.counts())["needs_reconcile"] == 1


def test_what_is_repeatable_is_tried_again_no_sooner_than_it_asks(rig):
    one = rig()
    attempt = handle(one, raising(unknown(repeatable=True, retry_after=90.0)))
    assert (attempt.outcome, attempt.retry_in) == (Outcome.FAILED, 90)


def test_what_is_repeatable_is_parked_when_its_attempts_are_used_up(rig):
    one = rig()
    handle(one, raising(unknown(repeatable=True)), retry=[])
    assert parked(one)


@pytest.mark.parametrize(("key_seconds", "outcome"), [(11, "failed"), (10, "needs_reconcile")])
def test_what_would_be_repeated_after_its_key_is_forgotten_is_parked(rig, key_seconds, outcome):
    one = rig()
    attempt = handle(
        one, raising(unknown(repeatable=True, key_seconds=float(key_seconds))), retry=[10]
    )
    assert attempt.outcome == outcome


@pytest.mark.parametrize(
    "error",
    [
        ExceptionGroup("several", [ValueError(), ExceptionGroup("more", [unknown()])]),
        BaseExceptionGroup("several", [ValueError(), unknown()]),
    ],
    ids=["group", "base group"],
)
def test_a_doubt_among_several_errors_counts(rig, error):
    one = rig()
    handle(one, raising(error))
    assert parked(one)


def test_an_error_that_a_doubt_was_turned_into_counts_as_one(rig):
    one = rig()
    attempt = handle(one, raising(RuntimeError("the till is stuck"), unknown()))
    assert parked(one)
    assert attempt.error == "RuntimeError: the till is stuck"


def test_a_doubt_turned_into_another_error_still_says_how_long_to_wait(rig):
    one = rig()
    asked = unknown(repeatable=True, retry_after=44.0)
    attempt = handle(one, raising(RuntimeError("the till is stuck"), asked))
    assert (attempt.outcome, attempt.retry_in) == (Outcome.FAILED, 44)


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (RetryAfter(7), Outcome.FAILED),
        (Permanent("refunded by hand"), Outcome.DEAD),
        (Skip("found it"), Outcome.SKIPPED),
    ],
)
def test_a_handler_that_has_looked_decides_itself(rig, verdict, outcome):
    async def handler(event, job):
        try:
            raise unknown()
        except OutcomeUnknownError:
            raise verdict from None

    assert handle(rig(), handler).outcome is outcome


def test_an_error_that_is_no_doubt_is_tried_again_as_ever(rig):
    attempt = handle(rig(), raising(UnavailableError("down", retry_after=3.0)))
    assert (attempt.outcome, attempt.retry_in) == (Outcome.FAILED, 10)


def test_a_person_may_retry_what_was_parked(rig):
    one, ran = rig(), []

    @one.on(name="handler")
    async def handler(event, job):
        ran.append(job.failures)
        if len(ran) == 1:
            raise unknown()

    async def scenario():
        await one.deliver()
        await one.until(one.attempts)
        (event,) = one.read(lambda reader: reader.events(state=State.NEEDS_RECONCILE))
        await one.store.retry(event.id)
        one.worker.notify()
        await one.until(lambda: len(one.attempts()) == 2)

    one.play(scenario)
    assert ran == [0, 0]
    (event,) = one.read(lambda reader: reader.events())
    assert event.state is State.DONE


@pytest.mark.parametrize("threaded", [False, True])
def test_a_handler_runs_on_an_occasion_named_after_its_job(rig, threaded):
    seen = []

    async def awaited(event, job):
        seen.append((occasion.get(), event.id, job.attempt))

    def in_thread(event, job):
        seen.append((occasion.get(), event.id, job.attempt))

    handle(rig(), in_thread if threaded else awaited)
    ((at, event, attempt),) = seen
    assert at.name == f"hp:{event}:handler"
    assert at.job == JobName(event, "handler", attempt)
    assert occasion.get() is None


def test_doubts_are_found_once_however_errors_refer_to_each_other():
    doubt, other = unknown(), ValueError()
    other.__cause__ = doubt
    other.__context__ = doubt
    doubt.__cause__ = UnavailableError()
    assert doubts_in(other) == [doubt]
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert doubts_in(first) == []


def test_a_handler_cancelled_by_its_time_limit_is_tried_again(rig):
    async def handler(event, job):
        await asyncio.sleep(60)

    assert handle(rig(), handler, timeout=0.01).outcome is Outcome.FAILED
