"""Where an attempt failed: the line of the user's code, kept with the attempt and told."""

import asyncio
import functools
import json
import sqlite3
import threading
from types import ModuleType

import pytest

from hardpoint.core.errors import UnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome
from hardpoint.webhooks.handlers import Permanent, RetryAfter, Skip


def run_one(rig, function, **options):
    """Delivers one event to a handler; gives what the store has of the attempt."""
    rig.on(name="handler", **options)(function)

    async def scenario():
        await rig.deliver()
        await rig.until(rig.attempts)

    rig.play(scenario)
    ((view,),) = [rig.read(lambda reader: reader.event("evt_1"))]
    return view


def reads_stock(event, job):
    return json.loads("{")["stock"]


async def awaits_stock(event, job):
    await asyncio.sleep(0)
    return reads_stock(event, job)


async def in_a_group(event, job):
    async with asyncio.TaskGroup() as group:
        group.create_task(awaits_stock(event, job))


async def in_a_thread_of_its_own(event, job):
    await asyncio.to_thread(reads_stock, event, job)


@pytest.mark.parametrize(
    "function",
    [
        reads_stock,
        awaits_stock,
        in_a_group,
        in_a_thread_of_its_own,
        functools.partial(awaits_stock),
    ],
    ids=["def", "async def", "task group", "thread", "partial"],
)
def test_the_place_of_a_failure_is_kept_with_the_attempt(rig, function):
    view = run_one(rig(), function)

    place = view.attempts[0].place
    assert (place.module, place.function) == (__name__, "reads_stock")


def test_the_place_of_a_dead_letter_is_kept_with_it(rig):
    async def refuses(event, job):
        raise Permanent("no such customer")

    view = run_one(rig(), refuses)

    assert view.dead[0].place.function.endswith("refuses")
    assert view.dead[0].place == view.attempts[0].place


def test_a_write_that_fails_is_placed_in_the_write(rig):
    async def writes(event, job):
        job.write(marks_paid)

    def marks_paid(tx):
        tx.execute("update orders set paid = 1")

    view = run_one(rig(), writes)

    assert view.attempts[0].place.function.endswith("marks_paid")


def test_a_handler_that_took_too_long_is_placed_where_it_waited(rig):
    async def waits(event, job):
        await forever()

    async def forever():
        await asyncio.sleep(3600)

    view = run_one(rig(), waits, timeout=0.01)

    assert view.attempts[0].error == "TimeoutError: took longer than 0.01 s"
    assert view.attempts[0].place.function.endswith("forever")


def test_a_plain_function_that_took_too_long_is_placed_where_its_thread_is(rig):
    begun, go_on = threading.Event(), threading.Event()

    def waits(event, job):
        hangs()

    def hangs():
        begun.set()
        go_on.wait(60)

    try:
        view = run_one(rig(), waits, timeout=0.2)
    finally:
        go_on.set()

    assert begun.is_set()
    assert view.attempts[0].error == "TimeoutError: took longer than 0.2 s; its thread goes on"
    assert view.attempts[0].place.function.endswith("hangs")


@pytest.mark.parametrize("error", [None, Skip("of no interest")])
def test_what_did_not_fail_has_no_place(rig, error):
    async def handles(event, job):
        if error is not None:
            raise error

    view = run_one(rig(), handles)

    assert view.attempts[0].place is None


def test_a_handler_that_is_installed_among_libraries_is_the_users_code(rig):
    shop = ModuleType("shop.hooks")
    exec(
        compile("def paid(event, job): raise KeyError", "/x/site-packages/shop/hooks.py", "exec"),
        vars(shop),
    )

    view = run_one(rig(), shop.paid)

    assert view.attempts[0].place == Place("shop.hooks", 1, "paid")


def test_a_handler_of_a_module_alone_is_its_own_package(rig):
    hooks = ModuleType("hooks")
    exec(
        compile("def paid(event, job): raise KeyError", "/x/site-packages/h.py", "exec"),
        vars(hooks),
    )

    assert run_one(rig(), hooks.paid).attempts[0].place == Place("hooks", 1, "paid")


def test_the_log_has_the_place_and_the_traceback_though_nobody_listens(rig, caplog):
    one = rig(listeners=Listeners())
    handled = threading.Event()

    @one.on(name="handler")
    def fails(event, job):
        handled.set()
        reads_stock(event, job)

    async def scenario():
        await one.deliver()
        await asyncio.to_thread(handled.wait, 10)
        await one.until(lambda: caplog.records)

    one.play(scenario)
    (record,) = caplog.records
    assert record.name == "hardpoint"
    assert (record.event, record.outcome, record.handler) == (
        "handler_finished",
        "failed",
        "handler",
    )
    assert record.place["function"] == "reads_stock"
    assert record.exc_info[0] is json.JSONDecodeError
    assert 'json.loads("{")' in caplog.text


def test_an_error_of_ours_that_no_code_of_the_users_raised_needs_no_traceback(rig):
    scope = {"error": UnavailableError("down", provider="x", operation="")}
    source = "async def forward(event, job): raise error"
    exec(compile(source, "/x/site-packages/elsewhere.py", "exec"), scope)
    scope["forward"].__module__ = "hardpoint.webhooks.forwarding"

    one = rig()
    view = run_one(one, scope["forward"])

    assert view.attempts[0].place is None
    assert one.attempts()[0].exception is None
    assert one.attempts()[0].error


def test_what_a_handler_raises_after_its_completion_is_told_as_a_warning(rig):
    one = rig()

    def completes(event, job):
        connection = sqlite3.connect(one.store.path, isolation_level=None)
        with job.complete_in(connection):
            pass
        connection.close()
        raise RetryAfter(5)

    view = run_one(one, completes)

    (attempt,) = one.attempts()
    assert view.attempts[0].outcome is Outcome.DONE
    assert (attempt.outcome, attempt.severity) == (Outcome.DONE, "warning")
    assert attempt.retry_in is None
