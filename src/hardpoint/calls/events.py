"""What is told of calls: of a port, of `hub.rest`, and of another library under a policy."""

from typing import ClassVar

import msgspec


class AttemptEnded(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a call ended.

    `error` is None for success, else the error's `code` or the name of its class, or `cancelled`.
    """

    connection: str
    provider: str
    operation: str
    attempt: int
    seconds: float
    error: str | None
    status: int | None
    request_id: str | None
    correlation_id: str | None


class CallEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A call ended, after so many attempts."""

    connection: str
    provider: str
    operation: str
    attempts: int
    seconds: float
    error: str | None
    correlation_id: str | None


class RetriesBeneath(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the policy repeats calls, so that the two multiply; told once a client."""

    severity: ClassVar[str] = "warning"
    policy: str
    by: str
    """What does."""
    fix: str
    """How to switch it off."""
