"""What a driver can do, as static data that is read before any I/O."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from typing import final

from hardpoint.core.errors import UnsupportedError


class Idempotency(Enum):
    """Whether a provider acts once when the same call comes twice under one key."""

    NATIVE = "native"
    """It does: a call whose outcome is unknown may be repeated under its key."""
    WINDOWED = "windowed"
    """It does for `key_seconds`: within them a repeat is harmless, after them it is not known."""
    NONE = "none"
    """It acts each time: a call whose outcome is unknown is never repeated."""


@final
@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities of one driver.

    Attributes:
        flags: what the port leaves to the provider and this one can; words of the port's own enum.
        idempotency: what a repeated key means there.
        key_length_max: the longest idempotency key it takes; longer ones are derived to fit.
        key_seconds: how long it remembers one at least; None for ever.
        settle_seconds: after so long, what its listing does not show was not done.
        limits: the port's named limits, `{"text_characters": 1600}`.
    """

    flags: AbstractSet[str]
    idempotency: Idempotency = Idempotency.NONE
    key_length_max: int = 255
    key_seconds: float | None = None
    settle_seconds: float = 120.0
    limits: Mapping[str, int] = field(default_factory=dict[str, int])

    def require(self, flag: str, provider: str) -> None:
        """Refuse what is not among the flags.

        Raises:
            UnsupportedError: naming the provider and the capability; nothing was sent.
        """
        if flag not in self.flags:
            raise UnsupportedError(f"{provider} does not support {flag}; nothing was sent")
