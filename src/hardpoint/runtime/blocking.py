"""Running a coroutine to its end without an event loop or a thread.

The coroutine may await only effects that block and return; then it never suspends, and one step
runs it to its end.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


def step(coroutine: Coroutine[Any, Any, R]) -> R:
    """What the coroutine returns.

    Raises:
        RuntimeError: it suspended, so an effect in it needs an event loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    raise RuntimeError("a blocking call suspended: something in it needs an event loop")
