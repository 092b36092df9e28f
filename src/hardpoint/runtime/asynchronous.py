"""The asynchronous runtime: effects suspend, the event loop goes on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

from hardpoint.runtime.effects import Caller

_Result = TypeVar("_Result")


@final
class AsyncRuntime:
    """Runs attempts by awaiting them, under a policy's asynchronous call."""

    __slots__ = ()

    async def call(
        self, policy: Caller, attempt: Callable[[], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """Give what the policy makes of the attempts."""
        return await policy.call(attempt)

    async def work(self, function: Callable[[], _Result]) -> _Result:
        """Do it in a thread. When the caller is cancelled it still runs to its end there."""
        return await asyncio.to_thread(function)
