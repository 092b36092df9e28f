"""One call under a policy: what it may repeat, what it carries, and what comes of it.

A policy's repeat is decided before the call, by its method; what has delivered an item is never
repeated. An answer of the service comes out as the `grpc.RpcError` that it is; a refusal of ours as
one that is an `RpcError` too.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, final

import grpc

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.connection import Connection
from hardpoint.calls.watching import CallWatch
from hardpoint.clients.grpc.settings import GrpcSettings, repeat_of
from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import HardpointError
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.repetition import RepeatClass
from hardpoint.resilience.timeout import remaining

_KEPT_MAX: Final = 256

MetadataPairs = Sequence[tuple[str, str | bytes]]


class GrpcRefusal(grpc.RpcError):
    """A call that was not made, or not made again."""

    def code(self) -> grpc.StatusCode:
        """As a client sees that nobody answered."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Why."""
        return str(self)

    def trailing_metadata(self) -> tuple[()]:
        """None: nobody answered."""
        return ()


class GrpcLateness(GrpcRefusal):
    """A call that took too long."""

    def code(self) -> grpc.StatusCode:
        """As a client sees that its deadline is over."""
        return grpc.StatusCode.DEADLINE_EXCEEDED


KIND: Final = ClientKind(base=grpc.RpcError, connection=GrpcRefusal, timeout=GrpcLateness)


@final
class CallGuard:
    """What the interceptors of one connection share.

    Args:
        settings: the service's.
        connection: whose policy calls run under, and who is told of them.
    """

    def __init__(self, settings: GrpcSettings, connection: Connection) -> None:
        self._connection = connection
        self._methods = {**settings.methods, "grpc.health.v1.Health/Check": "safe"}
        self.authorization = settings.authorization
        self._policies: dict[tuple[RepeatClass, float | None], Policy[Any]] = {}

    def say(self, repeats: Mapping[str, str]) -> None:
        """What a repeat of methods does, before what was said until now."""
        before = {name: one for name, one in self._methods.items() if name not in repeats}
        self._methods = {**repeats, **before}

    def call(self, details: Any, *, watched: bool = True) -> "GuardedRpc":
        """A call, before its first attempt.

        Args:
            details: as the library has them; `timeout` is what the caller gives the whole call.
            watched: whether it is told of.

        Raises:
            RpcError: that time is over already; nothing was sent.
        """
        method, timeout = details.method, details.timeout
        name = (method.decode() if isinstance(method, bytes) else method).lstrip("/")
        if timeout is not None and timeout <= 0:
            raise GrpcLateness(f"{self._connection.name}: the deadline is over; nothing was sent")
        policy = self._policy(repeat_of(name, self._methods), timeout)
        return GuardedRpc(policy, self._connection, name, timeout, watched=watched)

    def _policy(self, repeat: RepeatClass, timeout: float | None) -> Policy[Any]:
        found = self._policies.get((repeat, timeout))
        if found is None:
            found = self._derived(repeat, timeout)
            if len(self._policies) < _KEPT_MAX:
                self._policies[repeat, timeout] = found
        return found

    def _derived(self, repeat: RepeatClass, timeout: float | None) -> Policy[Any]:
        base: Any = self._connection.policy
        if timeout is None:
            return base.with_(repeat=repeat, tells_calls=False)
        own, attempt = base.settings.deadline, base.settings.timeout
        most = timeout if own is None else min(own, timeout)
        each = None if attempt is None else min(attempt, most)
        return base.with_(repeat=repeat, tells_calls=False, deadline=most, timeout=each)


@final
class GuardedRpc:
    """One call of a user's stub: its policy, and what its attempts carry."""

    __slots__ = ("_attempts", "_connection", "_method", "_until", "_watch", "policy")

    def __init__(
        self,
        policy: Policy[Any],
        connection: Connection,
        method: str,
        timeout: float | None,
        *,
        watched: bool,
    ) -> None:
        self.policy = policy
        self._connection = connection
        limit = _least(timeout, remaining())
        self._until = None if limit is None else connection.clock.monotonic() + limit
        self._method = method
        self._attempts = 0
        self._watch: CallWatch | None = None
        if watched and connection.listeners.active:
            self._watch = CallWatch(
                connection.name,
                "grpc",
                method,
                clock=connection.clock,
                ids=connection.ids,
                listeners=connection.listeners,
                entered=False,
            )

    def details(self, details: Any, proof: MetadataPairs) -> dict[str, Any]:
        """What an attempt changes of the call's details: its deadline, and what it carries."""
        metadata: list[tuple[str, str | bytes]] = [*(details.metadata or ()), *proof]
        known = {name for name, _ in metadata}
        if (correlation := correlation_id.get()) and "x-correlation-id" not in known:
            metadata.append(("x-correlation-id", correlation))
        if self._attempts > 1:
            metadata.append(("grpc-previous-rpc-attempts", f"{self._attempts - 1}"))
        left = remaining()
        return {"timeout": details.timeout if left is None else left, "metadata": metadata}

    def details_once(self, details: Any, proof: MetadataPairs) -> dict[str, Any]:
        """The same for a call that is made once: it ends by the policy's deadline."""
        timeout = _least(self.left(), self.policy.settings.deadline)
        return {**self.details(details, proof), "timeout": timeout}

    def left(self) -> float | None:
        """Seconds that the caller gives a stream, its items too; None where nobody has said."""
        if self._until is None:
            return None
        return max(self._until - self._connection.clock.monotonic(), 0.0)

    def __enter__(self) -> None:
        self._attempts += 1
        if self._watch is not None:
            self._watch.begin_attempt()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch is not None:
            self._watch.end_attempt(_name_of(error))

    def end(self, failure: BaseException | None) -> None:
        """It has ended, in this way."""
        if self._watch is not None:
            self._watch.end(_name_of(failure))


def is_unauthenticated(error: BaseException) -> bool:
    """Whether a service did not know who calls."""
    code = getattr(error, "code", None)
    return callable(code) and getattr(code(), "name", "") == "UNAUTHENTICATED"


def _least(*limits: float | None) -> float | None:
    return min((one for one in limits if one is not None), default=None)


def _name_of(error: BaseException | None) -> str | None:
    code: Callable[[], Any] | None = getattr(error, "code", None)
    if error is None or isinstance(error, HardpointError) or not callable(code):
        return None if error is None else type(error).__name__
    return getattr(code(), "name", "UNKNOWN")
