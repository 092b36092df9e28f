"""The blocking runtime: steps the coroutines of drivers whose effects block, with no event loop.

A coroutine whose every effect returns without suspending runs to its end within one `send(None)`.
"""

from asyncio import _get_running_loop  # the public twin raises where no loop runs: ten times slower
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import MisuseError
from hardpoint.runtime.effects import Caller, waitable

if TYPE_CHECKING:
    from hardpoint.runtime.teams import Team

_Result = TypeVar("_Result")


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """What the coroutine returns or raises.

    Raises:
        MisuseError: an event loop runs in this thread (it would stand still), or the coroutine
            waits for something other than an effect it was handed.
    """
    if _get_running_loop() is not None:
        coroutine.close()
        raise MisuseError("Blocking code was called inside a running event loop; await instead")
    return step(coroutine)


def step(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """The same inside of `run`, where the loop was looked for already."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    with suppress(RuntimeError):  # it may wait again while it is being closed
        coroutine.close()
    raise MisuseError(
        "A coroutine waited for something that does not block; it needs an event loop"
    )


def iterate(source: AsyncIterator[_Result]) -> Iterator[_Result]:
    """The items of an asynchronous iterator; a generator is closed when the loop over it ends.

    What is no generator may raise, and be asked again.
    """
    if isinstance(source, AsyncGenerator):
        return _generated(cast("AsyncGenerator[_Result]", source))
    return _Items(source)


def _generated(source: AsyncGenerator[_Result]) -> Iterator[_Result]:
    items: _Items[_Result] = _Items(source)
    try:
        yield from items
    finally:
        run(source.aclose())


@final
class _Items(Iterator[_Result]):
    def __init__(self, source: AsyncIterator[_Result]) -> None:
        self._source = source

    def __next__(self) -> _Result:
        try:
            return run(cast("Coroutine[Any, Any, _Result]", self._source.__anext__()))
        except StopAsyncIteration:
            raise StopIteration from None


@final
class BlockingRuntime:
    """Runs attempts by stepping them, under a policy's blocking call."""

    __slots__ = ()

    async def call(
        self, policy: Caller, attempt: Callable[[], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """Give what the policy makes of the attempts; never suspends."""

        def once() -> _Result:
            return step(attempt())

        return policy.call(once)

    def open(
        self, policy: Caller, opening: Callable[[], AbstractAsyncContextManager[_Result]]
    ) -> AbstractAsyncContextManager[_Result]:
        """Openings under the policy; its room is held while one is made, not while it lasts."""
        return _Opening(policy, opening)

    async def work(self, function: Callable[[], _Result]) -> _Result:
        """Do it here."""
        return function()

    def team(self) -> "Team":
        """Threads."""
        from hardpoint.runtime.teams import ThreadTeam  # needed by few

        return ThreadTeam()

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Block this thread."""
        waitable(clock).pause(seconds)


@final
class _Opening(AbstractAsyncContextManager[_Result], Generic[_Result]):
    _opened: AbstractAsyncContextManager[_Result]  # the one that could be entered

    def __init__(
        self, policy: Caller, opening: Callable[[], AbstractAsyncContextManager[_Result]]
    ) -> None:
        self._policy = policy
        self._opening = opening

    async def __aenter__(self) -> _Result:
        def once() -> _Result:
            manager = self._opening()
            entered = step(cast("Coroutine[Any, Any, _Result]", manager.__aenter__()))
            self._opened = manager
            return entered

        return self._policy.call(once)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)
