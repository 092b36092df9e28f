"""Calls a handler so that nothing gets out of it: whatever it raises is an answer.

It runs in a task of its own. So a handler that cancels its task, swallows a cancellation, or
raises what would end the loop (`SystemExit`, `KeyboardInterrupt`, `GeneratorExit`) does it to
itself alone. One of ours does none of this, and is spared the task.
"""

import asyncio
import functools
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from contextvars import ContextVar
from types import CodeType
from typing import Any, TypeAlias, cast

from hardpoint.core.forks import end_if_child
from hardpoint.core.traces import tamed
from hardpoint.webhooks.handlers import Handler
from hardpoint.webhooks.threads import Threads

CANCEL_SECONDS = 1.0
"""How long a handler may take to heed its cancellation."""

in_handler: ContextVar[bool] = ContextVar("hardpoint_in_handler", default=False)
"""Whether this runs in a handler, or in what one has started."""

_AnyFunction: TypeAlias = Callable[..., Any]
_OwnFunction: TypeAlias = Callable[..., Awaitable[None]]
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def call(
    handler: Handler, *arguments: object, threads: Threads, abandoned: Callable[[int], None]
) -> tuple[BaseException | None, bool]:
    """Call a handler once, for no longer than its time limit.

    Args:
        handler: whom.
        arguments: with what: the event and the job.
        threads: for plain `def` handlers.
        abandoned: told 1 when the handler is given up and goes on all the same, -1 when it ends.

    Returns:
        What it raised, and whether its time was up.

    Raises:
        asyncio.CancelledError: from outside, or because the process was asked to stop.
    """
    if handler.ours:
        return await _called_here(handler, arguments)
    task = asyncio.create_task(_guarded(handler, arguments, threads, abandoned))
    timed_out = False
    try:
        await asyncio.sleep(0)  # most are through after their first step, and need no timer
        if not task.done():
            await asyncio.wait((task,), timeout=handler.timeout)
        if not task.done():
            timed_out = True
            await _cancelled(task)
    except asyncio.CancelledError:
        await _cancelled(task)
        threads.leave(task)
        raise
    if not task.done():
        threads.leave(task)
        abandoned(1)
        task.add_done_callback(lambda _: abandoned(-1))
        return _too_long(handler, "; it does not heed its cancellation"), True
    if task.cancelled():  # it has cancelled its own task, and returned before it felt that
        raised = asyncio.CancelledError("the handler has cancelled its own task")
    elif task.exception() is not None:  # a request to stop: the loop is being left
        raise asyncio.CancelledError
    else:
        raised = task.result()
    error = None if raised is None else tamed(raised)
    if timed_out and issubclass(type(error), asyncio.CancelledError):
        cancelled, going_on = error, "" if handler.asynchronous else "; its thread goes on"
        error = _too_long(handler, going_on)
        error.__cause__ = cancelled  # which knows where it was
    return error, timed_out


async def _called_here(
    handler: Handler, arguments: tuple[object, ...]
) -> tuple[BaseException | None, bool]:
    """The same in this very task, for a handler that swallows nothing."""
    limit, function = asyncio.timeout(handler.timeout), cast(_OwnFunction, handler.function)
    try:
        async with limit:
            await function(*arguments)
    except Exception as error:  # noqa: BLE001 - it is judged
        if not limit.expired():
            return tamed(error), False
        late = _too_long(handler, "")
        late.__cause__ = error
        return late, True
    return None, False


async def _guarded(
    handler: Handler,
    arguments: tuple[object, ...],
    threads: Threads,
    abandoned: Callable[[int], None],
) -> BaseException | None:
    """What the handler raised, whatever it is."""
    in_handler.set(True)
    function, process = cast(_AnyFunction, handler.function), os.getpid()
    try:
        if handler.asynchronous:
            result: Any = function(*arguments)
        else:
            result = await threads.call(function, *arguments, abandoned=abandoned)
        if hasattr(result, "__await__"):  # a plain function may return a coroutine
            await result
    except BaseException as error:
        end_if_child(process, error)
        if asked_to_stop(error):
            raise
        return error
    end_if_child(process)
    return None


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait((task,), timeout=CANCEL_SECONDS)


async def cut(tasks: Collection[asyncio.Task[Any]]) -> None:
    """End what is left of handlers that heed no cancellation, as far as it can be ended.

    Whoever ends the loop waits for each of its tasks, and would wait for them for ever.
    """
    for task in tasks:
        with suppress(RuntimeError):  # it heeds this no more than the other
            task.get_coro().close()  # pyright: ignore[reportOptionalMemberAccess]
        task.add_done_callback(_heard)
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_SECONDS)


def _heard(task: asyncio.Task[Any]) -> None:
    """What a task ended with whose coroutine was closed concerns nobody."""
    with suppress(asyncio.CancelledError):
        task.exception()


def _too_long(handler: Handler, more: str) -> TimeoutError:
    return TimeoutError(f"took longer than {handler.timeout:g} s{more}")


def asked_to_stop(error: BaseException) -> bool:
    """Whether a signal has raised this, rather than the code that it came out of.

    Python runs signal handlers in the main thread, in the midst of whatever runs there.
    """
    if not issubclass(type(error), KeyboardInterrupt | SystemExit):
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = [signal.getsignal(number) for number in _STOP_SIGNALS]
    # Python's own handler leaves no trace; but whoever runs a loop mostly replaces it.
    if issubclass(type(error), KeyboardInterrupt) and signal.default_int_handler in handlers:
        return True
    codes = {_code_of(handler) for handler in handlers} - {None}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return getattr(handler, "__code__", None)
