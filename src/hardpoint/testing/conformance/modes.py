"""The two ways in which a port is used, so that one suite runs in both.

result = mode.do(port.send(...))        # a coroutine, or what the facade returned
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast, final

import pytest

from hardpoint.core.capabilities import Capabilities
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Transport
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.effects import Runtime

_Test = TypeVar("_Test", bound=Callable[..., None])
_EXERCISES = "hardpoint_exercises"
_LIMITS = Limits(timeout=5.0)


class Mode(Protocol):
    """One of them. Close it in the end."""

    @property
    def runtime(self) -> Runtime:
        """For the connection."""
        ...

    def transport(self, limits: Limits = _LIMITS) -> Transport:
        """For the driver."""
        ...

    def port(self, portable: Any, facade: Callable[[Any], Any]) -> Any:
        """What a user of this mode holds."""
        ...

    def do(self, outcome: Any) -> Any:
        """What a call of the port gives in the end."""
        ...

    def items(self, iterator: Any) -> list[Any]:
        """All that a call of the port iterates over."""
        ...

    def close(self) -> None:
        """Close every transport."""
        ...


@final
class AsyncMode:
    """Coroutines on an event loop of its own."""

    runtime = AsyncRuntime()

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._transports: list[AsyncTransport] = []

    def transport(self, limits: Limits = _LIMITS) -> AsyncTransport:
        """For the driver."""
        self._transports.append(AsyncTransport(limits))
        return self._transports[-1]

    def port(self, portable: Any, facade: Callable[[Any], Any]) -> Any:
        """The portable type itself."""
        return portable

    def do(self, outcome: Coroutine[Any, Any, Any]) -> Any:
        """Run the coroutine."""
        return self._runner.run(outcome)

    def items(self, iterator: AsyncIterator[Any]) -> list[Any]:
        """Collect them."""

        async def collect() -> list[Any]:
            return [item async for item in iterator]

        return self._runner.run(collect())

    def close(self) -> None:
        """Close every transport, and the loop."""
        for transport in self._transports:
            self._runner.run(transport.close())
        self._runner.close()


@final
class BlockingMode:
    """Plain calls of the generated facade."""

    runtime = BlockingRuntime()

    def __init__(self) -> None:
        self._transports: list[BlockingTransport] = []

    def transport(self, limits: Limits = _LIMITS) -> BlockingTransport:
        """For the driver."""
        self._transports.append(BlockingTransport(limits))
        return self._transports[-1]

    def port(self, portable: Any, facade: Callable[[Any], Any]) -> Any:
        """The facade of the portable type."""
        return facade(portable)

    def do(self, outcome: Any) -> Any:
        """It was done already."""
        return outcome

    def items(self, iterator: Any) -> list[Any]:
        """Collect them."""
        return list(iterator)

    def close(self) -> None:
        """Close every transport."""
        for transport in self._transports:
            transport.close()


MODES: dict[str, Callable[[], Mode]] = {"async": AsyncMode, "blocking": BlockingMode}
"""By name, for `pytest.fixture(params=MODES)`."""


def exercises(*capabilities: str) -> Callable[[_Test], _Test]:
    """Mark a test as one that uses these capabilities; see `needs` and `check_exercised`."""

    def mark(test: _Test) -> _Test:
        setattr(test, _EXERCISES, frozenset(capabilities))
        return test

    return mark


def skip_unless_declared(request: pytest.FixtureRequest, capabilities: Capabilities) -> None:
    """Skip a test that uses what the driver does not declare."""
    wanted = cast("frozenset[str]", getattr(request.function, _EXERCISES, frozenset[str]()))
    if missing := sorted(wanted - capabilities.flags):
        pytest.skip(f"not declared: {', '.join(missing)}")


def check_exercised(suite: type, capabilities: Capabilities) -> None:
    """Fail where a driver declares what no test of the suite exercises."""
    tests = (getattr(suite, name) for name in dir(suite) if name.startswith("test_"))
    exercised = {one for test in tests for one in getattr(test, _EXERCISES, ())}
    unproven = sorted(set(capabilities.flags) - exercised)
    assert not unproven, f"declared, but never exercised: {', '.join(unproven)}"
