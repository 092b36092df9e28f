"""A function in memory: the reference that says what every driver has to mean."""

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import final

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import FunctionFailedError
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.functions.driver import FunctionCapability
from hardpoint.functions.types import FunctionResult

_LIMITS = {"payload_bytes": 6 * 1024 * 1024, "begun_bytes": 256 * 1024}


@final
class MemoryFunction(MemoryAccount[object]):
    """Runs a function of this process.

    Args:
        function: is given the payload; what it raises is a failure of its own.
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.

    Attributes:
        begun: the payloads of the runs that nobody waited for.
    """

    def __init__(
        self,
        function: Callable[[bytes], bytes],
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[FunctionCapability] = frozenset(FunctionCapability),
    ) -> None:
        super().__init__(capabilities, Idempotency.NONE, _LIMITS, now)
        self._function = function
        self.begun: list[bytes] = []

    async def invoke(self, payload: bytes, *, log: bool, idempotency_key: str) -> FunctionResult:
        """Run it."""
        self.requests += 1
        try:
            returned = self._function(payload)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise FunctionFailedError(told, status=200, vendor_code="Unhandled") from error
        return FunctionResult(payload=returned, log="END" if log else None)

    async def begin(self, payload: bytes, *, idempotency_key: str) -> None:
        """Keep the payload."""
        self.requests += 1
        self.begun.append(payload)
