"""A stream under a policy: its opening is a call, its room and its permit are held while it lives.

What is read from it is not the policy's business: an item that was delivered is never retried.
"""

from inspect import isawaitable
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final
from weakref import proxy

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.circuit import CircuitOutcome
from hardpoint.resilience.options import seconds
from hardpoint.resilience.state import Opened, PolicyState
from hardpoint.resilience.timeout import outer_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardpoint.resilience.assembly import Assembly
    from hardpoint.runtime.clocks import Cancellable

STABLE_SECONDS = 30.0
_Stream = TypeVar("_Stream")


@final
class OpenStream(Generic[_Stream]):
    """`async with policy.open_stream(connect, url) as stream:`.

    The place in the bulkhead is held until the block ends. The breaker counts the opening once: as
    a success when the stream has lived for `stable` seconds or ended well, as a failure when it
    broke before.
    """

    __slots__ = (
        "__weakref__",
        "_args",
        "_assembly",
        "_function",
        "_held",
        "_kwargs",
        "_leave",
        "_permit",
        "_proof",
        "_stable",
        "_state",
    )

    def __init__(
        self,
        assembly: "Assembly",
        function: "Callable[..., Any]",
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        stable: float,
    ) -> None:
        self._held: object = None
        self._proof: Cancellable | None = None
        name = assembly.settings.name
        seconds(f"{name}.stable", stable, zero=True)
        if assembly.settings.hedge is not None:
            raise ConfigurationError(f"{name}.hedge", "would open a stream twice")
        self._assembly = assembly
        self._function = function
        self._args, self._kwargs = args, kwargs
        self._stable = stable
        self._permit = 0
        self._leave: Any = None

    async def __aenter__(self) -> _Stream:
        assembly = self._assembly
        self._state = state = assembly.state_for(self._args, self._kwargs)
        await self._take_place(state)
        try:
            opened: Any = await assembly.opening()(self._open, *self._args, **self._kwargs)
        except BaseException:
            self._give_back()
            raise
        if type(opened) is not Opened:  # a fallback
            self._give_back()
            return opened
        self._permit = opened.permit
        if opened.permit:
            me = proxy(self)  # a timer keeps no abandoned stream alive, nor does its method
            self._proof = assembly.effects.call_later(self._stable, lambda: me.prove())  # noqa: PLW0108
        return opened.stream

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave, self._leave = self._leave, None
        try:
            if leave is not None:
                await leave(kind, error, trace)
        finally:
            self._end(error)

    def __del__(self) -> None:
        if self._held is not None or self._proof is not None:
            import warnings

            self._end(GeneratorExit())
            name = self._assembly.settings.name
            warnings.warn(f"{name}: a stream was never closed", ResourceWarning, stacklevel=1)

    async def _open(self, *args: Any, **kwargs: Any) -> Opened:
        """One opening: a stream, or a context manager that gives one."""
        stream = self._function(*args, **kwargs)
        if isawaitable(stream):
            stream = await stream
        enter = getattr(stream, "__aenter__", None)
        if enter is not None:
            leave = stream.__aexit__
            stream = await enter()
            self._leave = leave
        return Opened(stream)

    async def _take_place(self, state: PolicyState) -> None:
        assembly = self._assembly
        if assembly.settings.bulkhead is None:
            return
        now = assembly.effects.monotonic()
        if assembly.settings.breaker is not None and state.circuit.shut:
            state.circuit.check(now)
        deadline = assembly.settings.deadline
        until = min(outer_limit(assembly.effects, now), inf if deadline is None else now + deadline)
        from asyncio import get_running_loop  # plain functions do without asyncio

        home = get_running_loop()
        if state.room.free > 0:
            state.room.free -= 1
            if state.room.home is not home:
                state.room.assign(home)
        else:
            await state.room.wait(now, until)
        self._held = home

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._state.room.give_back(held)

    def prove(self) -> None:
        """It has lived long enough for its opening to count as a success."""
        self._proof = None
        self._record(CircuitOutcome.SUCCESS)

    def _end(self, error: BaseException | None) -> None:
        self._give_back()
        if self._proof is None:
            return
        self._proof.cancel()
        self._proof = None
        if error is None:
            self._record(CircuitOutcome.SUCCESS)
        elif isinstance(error, Exception):
            self._record(self._assembly.outcome_of(error), type(error).__name__)
        else:
            self._record(CircuitOutcome.NEUTRAL)

    def _record(self, outcome: CircuitOutcome, error: str = "") -> None:
        now = self._assembly.effects.monotonic()
        self._state.circuit.record(self._permit, outcome, now, now, error)
