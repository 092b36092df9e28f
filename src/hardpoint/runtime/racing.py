"""Two attempts at once, and only one that counts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hardpoint.runtime.effects import Effects

Leg = Coroutine[Any, Any, Any]


async def race(
    first: Callable[[], Leg], second: Callable[[], Leg | None], delay: float, effects: Effects
) -> tuple[Any, bool]:
    """Run `first`; if it takes longer than `delay`, what `second` gives beside it.

    The first to succeed wins. If both fail, the error of the first is raised. Whoever is still
    under way at the end is cancelled and awaited, also when we are cancelled ourselves.

    Args:
        first: the attempt.
        second: asked once the delay is over; None lets the first go on alone.
        delay: seconds.
        effects: by whose clock.

    Returns:
        What the winner returned, and whether that was the second.
    """
    tasks = [asyncio.create_task(first())]
    late: asyncio.Future[None] = tasks[0].get_loop().create_future()
    handle = effects.call_later(delay, lambda: None if late.done() else late.set_result(None))
    try:
        await asyncio.wait([tasks[0], late], return_when=asyncio.FIRST_COMPLETED)
        handle.cancel()
        leg = None if tasks[0].done() else second()
        if leg is not None:
            tasks.append(asyncio.create_task(leg))
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in (one for one in tasks if one in done):
                if not task.cancelled() and task.exception() is None:
                    return task.result(), task is not tasks[0]
        return tasks[0].result(), False
    finally:
        handle.cancel()
        await _end(tasks)


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel what runs, and wait for it to be over, however often we are cancelled meanwhile."""
    for task in tasks:
        task.cancel()
    cancelled = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen, so that the event loop does not report it
    if cancelled is not None:
        raise cancelled
