"""Work that cannot be stopped, in a thread that nobody waits for at exit."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")


def aside(name: str, function: Callable[[], _Result]) -> "Future[_Result]":
    """Begin it.

    Raises:
        OSError: the system has no thread left for it.
    """
    done: Future[_Result] = Future()

    def work() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - told to whoever asks
            done.set_exception(error)
        else:
            done.set_result(result)

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return done


async def told(future: "Future[_Result]") -> _Result:
    """What came of it. Whoever gives up waiting stops nobody else, and nothing."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(wake)

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    future.add_done_callback(tell)
    await woken
    return future.result()
