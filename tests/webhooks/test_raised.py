"""Whatever a handler raises, however odd, is a failed attempt and ends nothing else."""

import asyncio
import dataclasses
import functools
import signal
import threading

import pytest
from tests.webhooks.conftest import handle_one, state

from hardpoint.core.errors import (
    RateLimitedError,
    StoreUnavailableError,
)
from hardpoint.store.driver import Outcome
from hardpoint.store.views import State
from hardpoint.webhooks.attempts import StoreInTheWay
from hardpoint.webhooks.calling import asked_to_stop, call
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.threads import Threads


@pytest.mark.parametrize("by", ["a signal", "Python's own handler"])
def test_only_what_a_signal_raised_is_a_request_to_stop(by):
    def leave(number, frame):
        raise KeyboardInterrupt

    def interrupt():
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if by == "a signal":
            signal.signal(signal.SIGINT, functools.partial(leave))
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupt()
        assert asked_to_stop(caught.value)
        if by == "a signal":
            assert not asked_to_stop(KeyboardInterrupt())
        assert not asked_to_stop(SystemExit())
        assert not asked_to_stop(ValueError())
        in_thread = []
        thread = threading.Thread(target=lambda: in_thread.append(asked_to_stop(caught.value)))
        thread.start()
        thread.join()
        assert in_thread == [False]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_request_to_stop_leaves_the_attempt_unrecorded_should_the_loop_go_on():
    def leave(number, frame):
        raise SystemExit

    def interrupted(event, job):
        async def interrupt():
            signal.raise_signal(signal.SIGTERM)

        return interrupt()

    handlers = Handlers()
    handlers.add("billing", "*", interrupted, name="handler")
    handler = dataclasses.replace(handlers["handler"], asynchronous=True)
    before = signal.signal(signal.SIGTERM, leave)
    loop = asyncio.new_event_loop()
    try:
        attempt = loop.create_task(call(handler, None, None, threads=Threads(), abandoned=print))
        with pytest.raises(SystemExit):
            loop.run_until_complete(attempt)
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(attempt)
    finally:
        signal.signal(signal.SIGTERM, before)
        loop.close()


def test_a_write_that_loses_the_transaction_is_a_failed_attempt(rig):
    async def mark(event, job):
        job.write(lambda tx: tx.execute("create table paid (id integer primary key)"))
        job.write(lambda tx: tx.execute("insert into paid values (1)"))
        job.write(lambda tx: tx.execute("insert or rollback into paid values (1)"))

    (attempt,) = handle_one(rig(), mark)

    assert attempt.outcome is Outcome.FAILED
    assert "TransactionLostError" in attempt.error


@pytest.mark.parametrize(
    "error",
    [
        *(SystemExit(1), KeyboardInterrupt(), GeneratorExit(), BaseException("odd")),
        *(asyncio.CancelledError(), StopIteration()),
    ],
)
@pytest.mark.parametrize("threaded", [False, True])
def test_whatever_a_handler_raises_is_a_failed_attempt_and_ends_nothing_else(rig, error, threaded):
    async def awaited(event, job):
        if job.failures == 0:
            raise error

    def in_thread(event, job):
        if job.failures == 0:
            raise error

    first, second = handle_one(rig(), in_thread if threaded else awaited, retry=[0], attempts=2)

    assert first.outcome is Outcome.FAILED
    assert type(error).__name__ in first.error
    assert first.severity == "warning"
    assert second.outcome is Outcome.DONE


def test_a_signal_that_asks_to_stop_is_no_failure_of_the_handler_it_interrupts(rig):
    one = rig()

    def leave(number, frame):
        raise SystemExit(7)

    @one.on(name="handler")
    async def interrupted(event, job):
        signal.raise_signal(signal.SIGTERM)

    async def scenario():
        await one.deliver()
        await asyncio.sleep(5)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            one.play(scenario, grace=0)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert one.attempts() == []
    assert state(one) is State.PENDING


class UnspeakableError(Exception):
    def __str__(self):
        raise ValueError("cannot even say so")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnspeakableError(), "UnspeakableError"),
        (ValueError("half \ud800 pair"), "ValueError: half ? pair"),
        (ValueError("x" * 10_000), "ValueError: " + "x" * 4084),
        (ValueError(), "ValueError"),
    ],
)
def test_any_error_can_be_recorded(rig, error, text):
    async def fail(event, job):
        raise error

    one = rig()
    (attempt,) = handle_one(one, fail, retry=[])

    assert attempt.error == text
    (dead,) = one.read(lambda reader: reader.dead_letters())
    assert dead.error == text


def exits_when_printed():
    class ExitingError(Exception):
        def __str__(self):
            raise SystemExit

    return ExitingError()


def has_an_attribute_that_raises():
    class SecretDelayError(RateLimitedError):
        retry_after = property(lambda self: 1 / 0, lambda self, value: None)

    return SecretDelayError()


def interrupts_when_classified():
    class SecretiveError(Exception):
        @property
        def __class__(self):
            raise KeyboardInterrupt

    return SecretiveError("x")


def has_an_odd_class():
    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit

    class OddlyMadeError(Exception, metaclass=Meta):
        pass

    return OddlyMadeError("x")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (exits_when_printed, "ExitingError"),
        (interrupts_when_classified, "SecretiveError: x"),
        (has_an_odd_class, "OddlyMadeError: x"),
        (has_an_attribute_that_raises, "SecretDelayError"),
    ],
)
def test_an_error_that_cannot_be_looked_at_is_tried_again_like_any_other(rig, made, text):
    async def fail(event, job):
        if job.failures:
            job.write(write)
        else:
            raise made()

    def write(tx):
        raise made()

    first, second = handle_one(rig(), fail, retry=[0], attempts=2)

    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.DEAD)
    assert text in first.error


@pytest.mark.parametrize("waits", [True, False])
def test_a_handler_that_cancels_its_own_task_has_failed(rig, waits):
    async def cancels(event, job):
        if job.failures == 0:
            asyncio.current_task().cancel()
            if waits:
                await asyncio.sleep(0)

    first, second = handle_one(rig(), cancels, retry=[0], attempts=2)

    assert first.outcome is Outcome.FAILED
    assert first.error.startswith("CancelledError")
    assert second.outcome is Outcome.DONE


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StoreUnavailableError("mine")]
)
def test_whatever_a_write_raises_is_a_failed_attempt_and_ends_nothing_else(rig, error):
    def fail(tx):
        raise error

    async def mark(event, job):
        job.write(fail)

    one = rig()
    (attempt,) = handle_one(one, mark)

    assert attempt.outcome is Outcome.FAILED
    assert type(error).__name__ in attempt.error
    assert not [told for told in one.told if isinstance(told, StoreInTheWay)]
