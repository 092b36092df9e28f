"""Policies around a block of code: `attempts()` and `guard()`.

A block is the runner, paused where it would call the function: its coroutine runs up to the call,
the block runs, and what came of it is sent or thrown back in. So the order of the parts, the
timers and the counts are the runner's own.
"""

from collections.abc import Callable, Generator
from types import TracebackType, coroutine
from typing import Any, Self, final

from hardpoint.resilience.options import Run

Start = Callable[[bool], Run]
"""Given whether the block is asynchronous, the runner."""


class _Pause:
    """What the runner awaits as the call: it hands control to the block.

    Attributes:
        arguments: what a function would be given: the idempotency key, under its name.
    """

    __slots__ = ("arguments",)

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def __await__(self) -> Generator[object, None, None]:
        yield self


@final
class Attempt:
    """One attempt: `with attempt:` around what is to be done.

    Attributes:
        number: 1 for the first.
        idempotency_key: the same for all attempts; None unless the policy has one.
    """

    __slots__ = ("_flow", "idempotency_key", "number")

    def __init__(self, flow: "_Flow", number: int, idempotency_key: str | None) -> None:
        self._flow = flow
        self.number = number
        self.idempotency_key = idempotency_key

    def __enter__(self) -> Self:
        self._flow.entered = True
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        return self._flow.leave(error)


@final
class _Flow:
    """The runner's coroutine, driven by hand."""

    __slots__ = ("_coroutine", "_key_name", "_number", "_signal", "entered", "over")

    def __init__(self, start: Start, key_name: str | None, *, asynchronous: bool) -> None:
        self._key_name = key_name
        self._coroutine = start(asynchronous)(_Pause)
        self._signal: object = None
        self._number = 0
        self.entered = False
        self.over = False

    @coroutine
    def reach(self) -> Generator[Any, Any, Attempt]:
        """Run up to the next call, waiting as the runner waits."""
        self._start()
        while not isinstance(self._signal, _Pause):
            try:
                value = yield self._signal
            except BaseException as error:  # noqa: BLE001 - the runner decides
                self._signal = self._coroutine.throw(error)
            else:
                self._signal = self._coroutine.send(value)
        return self._attempt()

    def reach_blocking(self) -> Attempt:
        """Run up to the next call; the runner blocks where it waits."""
        self._start()
        return self._attempt()

    def leave(self, error: BaseException | None) -> bool:
        """The block is over; True when its error is dealt with, as another attempt follows."""
        try:
            if error is None:
                self._signal = self._coroutine.send(None)
            else:
                self._signal = self._coroutine.throw(error)
        except StopIteration:
            self.over = True
        except BaseException as outcome:
            self.over = True
            # A StopIteration cannot pass through a coroutine as it is (PEP 479).
            wrapped = isinstance(error, StopIteration) and outcome.__cause__ is error
            if outcome is error or wrapped:
                return False
            raise
        return True

    def _start(self) -> None:
        if self._number == 0:
            self._signal = self._coroutine.send(None)
        elif not self.entered:
            self._coroutine.close()
            raise RuntimeError("the body of the loop needs `with attempt:`")

    def _attempt(self) -> Attempt:
        self.entered = False
        self._number += 1
        pause, name = self._signal, self._key_name
        key = pause.arguments[name] if name and isinstance(pause, _Pause) else None
        return Attempt(self, self._number, key)


@final
class Attempts:
    """The attempts at a block, for `for` and `async for` alike."""

    __slots__ = ("_flow", "_key_name", "_start")

    def __init__(self, start: Start, key_name: str | None) -> None:
        self._start = start
        self._key_name = key_name
        self._flow: _Flow | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        flow = self._flow
        if flow is None:
            flow = self._flow = _Flow(self._start, self._key_name, asynchronous=True)
        if flow.over:
            raise StopAsyncIteration
        return await flow.reach()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Attempt:
        flow = self._flow
        if flow is None:
            flow = self._flow = _Flow(self._start, self._key_name, asynchronous=False)
        if flow.over:
            raise StopIteration
        return flow.reach_blocking()


@final
class Guard:
    """A block under the policy, once: `with` and `async with` alike. It cannot be repeated."""

    __slots__ = ("_flow", "_key_name", "_start")

    def __init__(self, start: Start, key_name: str | None) -> None:
        self._start = start
        self._key_name = key_name
        self._flow: _Flow | None = None

    async def __aenter__(self) -> Attempt:
        flow = self._begin(asynchronous=True)
        try:
            return await flow.reach()
        except BaseException:
            self._flow = None
            raise

    def __enter__(self) -> Attempt:
        flow = self._begin(asynchronous=False)
        try:
            return flow.reach_blocking()
        except BaseException:
            self._flow = None
            raise

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        return self._leave(error)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        return self._leave(error)

    def _begin(self, *, asynchronous: bool) -> _Flow:
        if self._flow is not None:
            raise RuntimeError("this guard is around a block already: call `guard()` for each")
        self._flow = _Flow(self._start, self._key_name, asynchronous=asynchronous)
        return self._flow

    def _leave(self, error: BaseException | None) -> bool:
        flow, self._flow = self._flow, None
        return flow is not None and flow.leave(error)
