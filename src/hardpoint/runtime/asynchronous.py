"""The asynchronous runtime: effects suspend, the event loop goes on."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

from hardpoint.runtime.connection import Caller

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
