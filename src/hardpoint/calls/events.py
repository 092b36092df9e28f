"""What is told of calls: of a port, of `hub.rest`, and of another library under a policy."""

from typing import ClassVar

import msgspec


class AttemptEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of a call ended.

    Attributes:
        call_id: ours, the same for every attempt of a call, and for the call.
        connection, provider, operation: what was called.
        attempt: counted from 1.
        error: None for success, else the error's `code` or the name of its class, or `cancelled`.
        method, url: as they went over the wire, without query and what else is secret.
        status, request_id: of the answer, the latter as the vendor names the request.
    """

    call_id: str = ""
    connection: str
    provider: str
    operation: str
    attempt: int
    seconds: float
    error: str | None
    method: str | None = None
    url: str | None = None
    status: int | None
    request_id: str | None
    correlation_id: str | None


class CallEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call ended, after so many attempts; `key` is its idempotency key, where it has one."""

    call_id: str = ""
    connection: str
    provider: str
    operation: str
    attempts: int
    seconds: float
    error: str | None
    key: str | None = None
    correlation_id: str | None


class RetriesBeneath(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the policy repeats calls, so that the two multiply; told once a client."""

    severity: ClassVar[str] = "warning"
    policy: str
    by: str
    """What does."""
    fix: str
    """How to switch it off."""
