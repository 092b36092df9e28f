"""What a provider's function must offer: one attempt each, errors mapped, nothing decided."""

from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.functions.types import FunctionResult


class FunctionCapability(StrEnum):
    """What not every provider can do."""

    BEGIN = "begin"
    """It may run without anybody waiting for it."""
    LOG = "log"
    """The end of its log comes along with the result."""


class FunctionDriver(Driver, Protocol):
    """A provider's function.

    Limits read by the port: `payload_bytes`, `begun_bytes` (where nobody waits).

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    async def invoke(self, payload: bytes, *, log: bool, idempotency_key: str) -> FunctionResult:
        """Run it, and wait for what it returns.

        Raises:
            FunctionFailedError: it ran and failed.
        """
        ...

    async def begin(self, payload: bytes, *, idempotency_key: str) -> None:
        """Have it run; nobody waits for it."""
        ...
