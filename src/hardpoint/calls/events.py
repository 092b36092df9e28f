"""What is told of calls: of a port, of `hub.rest`, and of another library under a policy."""

from typing import ClassVar

import msgspec

from hardpoint.resilience.events import AttemptEnded, CallEnded

__all__ = ["AttemptEnded", "CallEnded", "RetriesBeneath"]


class QuotaHeard(msgspec.Struct, frozen=True, kw_only=True):
    """An answer told what is left of a vendor's limit."""

    severity: ClassVar[str] = "debug"
    connection: str
    remaining: int
    limit: int | None
    reset_in: float


class RetriesBeneath(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the policy repeats calls, so that the two multiply; told once a client."""

    severity: ClassVar[str] = "warning"
    policy: str
    by: str
    """What does."""
    fix: str
    """How to switch it off."""
