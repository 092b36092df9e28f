import asyncio
import contextlib
import functools
import itertools
import math
import sqlite3
import threading

import pytest
from tests.webhooks.conftest import handle_one, rows, state

from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    LeaseLostError,
    RateLimitedError,
    StoreMisuseError,
    StoreUnavailableError,
    UnavailableError,
    UnsupportedError,
)
from hardpoint.core.events import Listeners
from hardpoint.store.driver import Outcome
from hardpoint.store.views import State
from hardpoint.webhooks.attempts import StoreInTheWay
from hardpoint.webhooks.handlers import Permanent, RetryAfter, Schedule, Skip

ran = []


async def awaited(event, job):
    ran.append(event.vendor_id)


def in_thread(event, job):
    assert threading.current_thread() is not threading.main_thread()
    ran.append(event.vendor_id)


def gives_coroutine(event, job):
    return awaited(event, job)


class Callable:
    async def __call__(self, event, job):
        await awaited(event, job)


@pytest.mark.parametrize(
    "function",
    [awaited, in_thread, gives_coroutine, Callable(), functools.partial(awaited)],
    ids=["async def", "def", "def that gives a coroutine", "async __call__", "partial"],
)
def test_every_kind_of_handler_is_run_to_its_end(rig, function):
    ran.clear()
    one = rig()

    (attempt,) = handle_one(one, function)

    assert attempt.outcome is Outcome.DONE
    assert ran == ["evt_1"]
    assert state(one) is State.DONE


@pytest.mark.parametrize("threaded", [False, True])
def test_a_handler_runs_under_the_correlation_id_of_its_request(rig, threaded):
    seen = []

    async def awaited(event, job):
        seen.append(correlation_id.get())

    def in_thread(event, job):
        seen.append(correlation_id.get())

    (attempt,) = handle_one(rig(), in_thread if threaded else awaited)

    assert seen == [attempt.correlation_id]


def test_a_raise_is_tried_again_when_the_schedule_says_and_the_attempts_are_counted(rig):
    one, seen = rig(), []

    @one.on(name="handler", retry=Schedule((10, 20), jitter=0.2))
    async def flaky(event, job):
        seen.append((job.attempt, job.failures, one.clock.now()))
        if job.failures < 2:
            raise ConnectionError("the warehouse does not answer")

    async def scenario():
        began = one.clock.now()
        await one.deliver()
        await one.until(lambda: len(one.attempts()) == 1)
        await one.advance(9.9)
        await asyncio.sleep(0.02)
        assert len(seen) == 1
        await one.advance(0.2)
        await one.until(lambda: len(one.attempts()) == 2)
        await one.advance(20)
        await one.until(lambda: len(one.attempts()) == 3)
        return began

    one.play(scenario)
    outcomes = [(a.outcome, a.retry_in, a.error) for a in one.attempts()]
    assert outcomes == [
        (Outcome.FAILED, 10, "ConnectionError: the warehouse does not answer"),
        (Outcome.FAILED, 20, "ConnectionError: the warehouse does not answer"),
        (Outcome.DONE, None, None),
    ]
    assert [facts[:2] for facts in seen] == [(1, 0), (2, 1), (3, 2)]


def test_when_the_schedule_is_used_up_the_job_is_a_dead_letter(rig):
    async def fail(event, job):
        raise ValueError("never")

    one = rig()
    attempts = handle_one(one, fail, retry=[0], attempts=2)

    assert [attempt.outcome for attempt in attempts] == [Outcome.FAILED, Outcome.DEAD]
    (dead,) = one.read(lambda reader: reader.dead_letters())
    assert (dead.reason, dead.failures, dead.error) == ("attempts", 2, "ValueError: never")


def test_permanent_is_a_dead_letter_at_once(rig):
    async def refuse(event, job):
        job.write(lambda tx: tx.execute("create table never (a)"))
        raise Permanent("no such customer")

    one = rig()
    (attempt,) = handle_one(one, refuse)

    assert (attempt.outcome, attempt.severity) == (Outcome.DEAD, "error")
    (dead,) = one.read(lambda reader: reader.dead_letters())
    assert (dead.reason, dead.error) == ("permanent", "Permanent: no such customer")


def test_skip_is_done_and_recorded_as_skipped(rig):
    async def skip(event, job):
        raise Skip

    one = rig()
    (attempt,) = handle_one(one, skip)

    assert (attempt.outcome, attempt.error) == (Outcome.SKIPPED, "Skip")
    assert state(one) is State.SKIPPED


def because(*errors):
    """The first of them, each raised from the next."""
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0]


def beside(error, other):
    error.__context__ = other
    return error


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RetryAfter(3), 3),
        (RetryAfter(900), 900),
        (UnavailableError(retry_after=900), 900),
        (UnavailableError(retry_after=3), 60),
        (RateLimitedError(), 60),
        (RateLimitedError(retry_after=math.nan), 60),
        (RateLimitedError(retry_after=math.inf), 60),
        (RateLimitedError(retry_after=-5), 60),
        (RateLimitedError(retry_after="soon"), 60),
        (beside(ValueError("of the handler's own"), RateLimitedError(retry_after=900)), 60),
        (because(RetryAfter(3), RateLimitedError(retry_after=900)), 3),
        (because(*[KeyError(at) for at in range(16)], RateLimitedError(retry_after=900)), 60),
    ],
)
def test_retry_after_is_exact_and_what_a_third_party_asks_for_is_the_least(rig, error, wait):
    async def fail(event, job):
        raise error

    (attempt,) = handle_one(rig(), fail, retry=[60])

    assert (attempt.outcome, attempt.retry_in) == (Outcome.FAILED, wait)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RateLimitedError(retry_after=3), 3),
        (RateLimitedError(retry_after=1e9), 3600),
        (CircuitOpenError("crm", None, 40.0), 40),
        (because(ConnectionError("an SDK's"), CircuitOpenError("crm", None, 40.0)), 40),
        (because(OSError("an SDK's"), OSError("its client's"), RateLimitedError(retry_after=3)), 3),
    ],
)
def test_a_lane_waits_as_long_as_its_dependency_says_and_no_attempt_is_counted(rig, error, wait):
    one, seen = rig(), []

    @one.on(name="handler", retry=[])
    async def asks(event, job):
        seen.append((event.vendor_id, job.failures))
        if len(seen) == 1:
            raise error

    async def scenario():
        await one.ready()
        await one.deliver("evt_1")
        await one.until(one.attempts)
        await one.deliver("evt_2")  # nothing else of the lane starts meanwhile
        await one.advance(wait - 0.1)
        await asyncio.sleep(0.05)
        assert len(seen) == 1
        await one.advance(0.2)
        await one.until(lambda: len(one.attempts()) == 3)

    one.play(scenario)
    first, *others = one.attempts()
    assert (first.outcome, first.retry_in, first.severity) == (Outcome.DEFERRED, wait, "warning")
    assert {other.outcome for other in others} == {Outcome.DONE}
    assert sorted(seen[1:]) == [("evt_1", 0), ("evt_2", 0)]


def test_who_has_something_retried_ends_what_lanes_wait_for(rig):
    one, seen = rig(), []

    @one.on(name="handler", retry=[])
    async def asks(event, job):
        seen.append(event.vendor_id)
        if len(seen) == 1:
            raise RateLimitedError(retry_after=3000)

    async def scenario():
        await one.ready()
        await one.deliver("evt_1")
        await one.until(one.attempts)
        await one.deliver("evt_2")
        one.worker.resume()  # as `hub.retry` does
        await one.until(lambda: len(one.attempts()) == 2)

    one.play(scenario)
    assert seen == ["evt_1", "evt_2"]


def test_an_event_that_has_waited_for_days_waits_at_the_cost_of_attempts(rig):
    one = rig()

    async def limited(event, job):
        one.clock.advance(49 * 3600)
        raise RateLimitedError(retry_after=3)

    (attempt,) = handle_one(one, limited, retry=[60])

    assert (attempt.outcome, attempt.retry_in) == (Outcome.FAILED, 60)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("email.mail", "is not configured"),
        UnsupportedError(),
        StoreMisuseError("the connection is on another file"),
    ],
)
def test_what_can_never_succeed_is_a_dead_letter_at_once(rig, error):
    async def fail(event, job):
        raise error

    one = rig()
    (attempt,) = handle_one(one, fail)

    assert attempt.outcome is Outcome.DEAD
    (dead,) = one.read(lambda reader: reader.dead_letters())
    assert (dead.reason, dead.failures) == ("permanent", 1)


def test_a_transaction_on_another_file_is_a_dead_letter_at_once(rig, tmp_path):
    def mark(event, job):
        closing = contextlib.closing(sqlite3.connect(tmp_path / "other.db"))
        with closing as connection, job.complete_in(connection):
            pass

    (attempt,) = handle_one(rig(), mark)

    assert attempt.outcome is Outcome.DEAD
    assert "other.db" in attempt.error


def test_retry_after_does_not_add_attempts(rig):
    async def fail(event, job):
        raise RetryAfter(0)

    attempts = handle_one(rig(), fail, retry=[60], attempts=2)

    assert attempts[-1].outcome is Outcome.DEAD


def test_writes_are_made_with_the_completion_once(rig):
    def mark(event, job):
        job.write(lambda tx: tx.execute("create table if not exists paid (id text)"))
        job.execute("insert into paid values ($1)", [event.vendor_id])

    one = rig()
    (attempt,) = handle_one(one, mark)

    assert attempt.outcome is Outcome.DONE
    assert rows(one) == [("evt_1",)]


def test_a_write_that_raises_undoes_them_all_and_the_attempt_has_failed(rig):
    def fail(tx):
        raise ValueError("no stock")

    async def mark(event, job):
        job.write(lambda tx: tx.execute("create table if not exists paid (id text)"))
        job.write(lambda tx: tx.execute("insert into paid values (?)", [job.attempt]))
        if job.failures == 0:
            job.write(fail)

    one = rig()
    first, second = handle_one(one, mark, retry=[0], attempts=2)

    assert first.outcome is Outcome.FAILED
    assert first.error == "ValueError: no stock"
    assert second.outcome is Outcome.DONE
    assert rows(one) == [("2",)]


def test_an_attempt_that_takes_too_long_is_cancelled_and_has_failed(rig):
    cancelled = []

    async def slow(event, job):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    (attempt,) = handle_one(rig(), slow, timeout=0.02)

    assert (attempt.outcome, cancelled) == (Outcome.FAILED, [True])
    assert attempt.error == "TimeoutError: took longer than 0.02 s"


def test_a_time_out_of_the_handlers_own_is_told_as_it_is(rig):
    async def slow(event, job):
        raise TimeoutError("the bank")

    (attempt,) = handle_one(rig(), slow)

    assert attempt.error == "TimeoutError: the bank"


def test_a_handler_that_finishes_in_spite_of_its_cancellation_is_done(rig):
    async def stubborn(event, job):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    (attempt,) = handle_one(rig(), stubborn, timeout=0.02)

    assert attempt.outcome is Outcome.DONE


def test_a_completion_waits_for_the_store_as_long_as_it_takes_and_is_told_of_once(rig):
    one = rig()
    one.faults.raising["complete"] = StoreUnavailableError("disk full")

    @one.on(name="handler")
    async def mark(event, job):
        pass

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.faults.calls["complete"] >= 2)
        assert one.attempts() == []
        del one.faults.raising["complete"]
        await one.until(one.attempts)

    one.play(scenario)
    assert one.attempts()[0].outcome is Outcome.DONE
    assert [told for told in one.told if isinstance(told, StoreInTheWay)] == [
        StoreInTheWay(doing="complete", error="disk full")
    ]


def test_a_lost_lease_refuses_the_late_completion_and_its_writes(rig):
    """E21: the lease ran out while the slow handler still ran; the job had passed on."""
    one, go_on = rig(), asyncio.Event()

    @one.on(name="handler")
    async def slow(event, job):
        job.write(lambda tx: tx.execute("create table paid (id text)"))
        await go_on.wait()

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)
        await one.store.release_all()
        (stolen,) = (await one.store.claim({"handler": 1})).leases
        go_on.set()
        await one.until(one.attempts)
        return stolen

    stolen = one.play(scenario)
    (attempt,) = one.attempts()
    assert (stolen.fence, attempt.attempt, attempt.refused) == (2, 1, True)
    with pytest.raises(Exception, match="no such table"):
        rows(one)


def test_a_handler_that_completed_in_its_own_transaction_is_done_whatever_it_raises_after(rig):
    one = rig()

    def mark(event, job):
        with contextlib.closing(sqlite3.connect(one.store.path)) as connection:
            with job.complete_in(connection):
                connection.execute("create table paid (id text)")
                connection.execute("insert into paid values (?)", [event.vendor_id])
            raise ValueError("the receipt printer is out of paper")

    (attempt,) = handle_one(one, mark)

    assert attempt.outcome is Outcome.DONE
    assert attempt.error == "ValueError: the receipt printer is out of paper"
    assert attempt.retry_in is None
    assert rows(one) == [("evt_1",)]
    assert state(one) is State.DONE


def test_a_handler_whose_own_transaction_was_rolled_back_is_tried_again(rig):
    one = rig()

    def mark(event, job):
        closing = contextlib.closing(sqlite3.connect(one.store.path))
        with closing as connection, job.complete_in(connection):
            connection.execute("create table paid (id text)")
            connection.execute("insert into paid values (?)", [job.attempt])
            if job.failures == 0:
                raise ValueError("no stock")

    first, second = handle_one(one, mark, retry=[0], attempts=2)

    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.DONE)
    assert rows(one) == [("2",)]


def test_a_thread_that_was_given_up_cannot_complete_its_job_any_more(rig):
    one, late, outcome = rig(), threading.Event(), []

    def mark(event, job):
        if job.failures:
            return
        late.wait(10)
        with contextlib.closing(sqlite3.connect(one.store.path)) as connection:
            try:
                with job.complete_in(connection):
                    connection.execute("create table paid (id text)")
            except LeaseLostError as error:
                outcome.append(error)

    one.on(name="handler", timeout=0.5, retry=[0])(mark)

    async def scenario():
        await one.deliver()
        await one.until(lambda: len(one.attempts()) == 2)
        late.set()
        await one.until(lambda: outcome)

    one.play(scenario)
    assert [a.outcome for a in one.attempts()] == [Outcome.FAILED, Outcome.DONE]


def test_without_listeners_nothing_is_told_and_all_is_done(rig):
    one, done = rig(listeners=Listeners()), []

    @one.on(name="handler")
    async def mark(event, job):
        done.append(event)

    async def scenario():
        await one.deliver()
        await one.until(lambda: done and not one.worker.running)

    one.play(scenario)
    assert one.attempts() == []
    assert state(one) is State.DONE


async def comes_back(event, job):
    pass


async def raises(event, job):
    raise ConnectionError("no answer")


async def hangs(event, job):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("function", "outcome", "error"),
    [
        (comes_back, Outcome.DONE, None),
        (raises, Outcome.FAILED, "ConnectionError: no answer"),
        (hangs, Outcome.FAILED, "TimeoutError: took longer than 0.05 s"),
    ],
)
def test_a_handler_of_ours_is_judged_like_any_other(rig, function, outcome, error):
    one = rig()
    one.handlers.add("billing", "*", function, timeout=0.05, ours=True)

    async def scenario():
        await one.deliver()
        await one.until(one.attempts)

    one.play(scenario)
    (attempt,) = one.attempts()
    assert (attempt.outcome, attempt.error) == (outcome, error)


def test_a_handler_of_ours_that_is_cut_short_leaves_its_attempt_unrecorded(rig):
    one = rig()
    one.handlers.add("billing", "*", hangs, ours=True)

    async def scenario():
        await one.deliver()
        await one.until(lambda: one.worker.running)

    one.play(scenario, grace=0)
    assert not one.attempts()
