"""A request of another library's client, before it is sent: what a repeat of it would do."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, final

from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.key import fingerprint, occasion
from hardpoint.resilience.repetition import RepeatClass

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_IDEMPOTENT: Final = frozenset({"PUT", "DELETE"})


@final
@dataclass(slots=True, kw_only=True)
class GuardedRequest:
    """A request as the rules see it.

    Attributes:
        native: the client's own; a policy's `key=` is asked with it.
        method: in capitals.
        host: whom it is for.
        headers: its own; an idempotency key is added there.
        replayable: whether its body can be sent twice.
        reads: it only reads, whatever its method.
        keyed: it carries a key that its client has made.
        operation: what is asked for, as telemetry names it; else method and host. A path may hold
            what is secret.
        content: what tells it from other requests to the same host; for a key of the job's.
    """

    native: Any
    method: str
    host: str
    headers: MutableMapping[str, Any]
    replayable: bool
    reads: bool = False
    keyed: bool = False
    operation: str | None = None
    content: Callable[[], tuple[Any, ...]] = tuple


def repeat_of(
    request: GuardedRequest, chosen: RepeatClass | None, *, idempotent: bool
) -> RepeatClass:
    """What repeating a request does."""
    if not request.replayable:
        return "never"
    if request.reads or request.method in _SAFE:
        return "safe"
    if chosen is not None:
        return chosen
    return "idempotent" if idempotent or request.method in _IDEMPOTENT else "needs_key"


def key_of(connection: GuardedConnection, request: GuardedRequest) -> tuple[str, bool]:
    """A key for a request that has none, and whether this very request would get it again."""
    at = occasion.get()
    if at is None:
        return connection.ids(), False
    scope = f"{connection.name}:{request.method}"
    return at.key(scope, fingerprint((request.host, *request.content()))), True
