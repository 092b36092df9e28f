"""Running one logical call of a port: attempts under the policy, its outcome never misreported.

A driver makes one attempt and raises what its error table says. What a failed attempt means for the
call is decided here, once for every port:

- An error whose outcome is unknown may be retried where a repeat is harmless: the operation only
  reads, sets a state, or carries a key that the provider honours. Elsewhere it never is, nor where
  the provider says that it is of no use (`retryable=False`, set by the driver).
- A mutating call that ends in doubt raises `OutcomeUnknownError`, whatever ended it.
- Within a job or a call of `hub.once`, a call without a key gets one that is the same each time.
- Where the provider knows no keys, the journal stands in for it.
- An `Exception` that is none of ours becomes `UnexpectedResponseError`.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, final

import msgspec

from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Journalled
from hardpoint.calls.key import fingerprint, occasion
from hardpoint.calls.watching import CallWatch
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import (
    HardpointError,
    MisuseError,
    OutcomeUnknownError,
    ProviderError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.outcome import Operation, Repeat, checked_key, derived_key
from hardpoint.resilience.recognition import recognise
from hardpoint.resilience.repetition import Effect, RepeatClass, in_doubt, outcome_unknown
from hardpoint.runtime.effects import Caller
from hardpoint.store.journal import Intent, JournalEntry

_CANCELLED = "cancelled"
_SAFE = Repeat.SAFE  # to look a member of an Enum up takes 0.1 us, and every attempt does
_Result = TypeVar("_Result")


class Driver(Protocol):
    """What every driver of every port says about itself."""

    @property
    def provider(self) -> str:
        """The provider's name, `stripe`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; static."""
        ...


@final
class CallKey(msgspec.Struct, frozen=True):
    """The idempotency key of one call.

    Attributes:
        text: what the caller knows it by.
        lasting: whether this very call would have it again: it is the caller's, or the job's.
    """

    text: str
    lasting: bool


@final
class Calls:
    """Runs the calls of one connection's driver."""

    __slots__ = ("_connection", "_driver", "_honoured", "_policies", "_window")

    def __init__(self, connection: Connection, driver: Driver) -> None:
        self._connection = connection
        self._driver = driver
        capabilities = driver.capabilities
        self._honoured = capabilities.idempotency is not Idempotency.NONE
        windowed = capabilities.idempotency is Idempotency.WINDOWED
        self._window = (capabilities.key_seconds or 0.0) if windowed else None
        # Under a key that the provider honours, twice is as good as once.
        keyed: RepeatClass = "idempotent" if self._honoured else "needs_key"
        under = partial(connection.policy.with_, tells_calls=False)  # `_Call` tells of them
        self._policies = {
            Repeat.SAFE: under(repeat="safe"),
            Repeat.IDEMPOTENT: under(repeat="idempotent"),
            Repeat.NEEDS_KEY: under(repeat=keyed),
            Repeat.NEVER: under(repeat="never"),
        }

    def run(
        self, operation: Operation, attempt: Callable[[], Awaitable[_Result]]
    ) -> Coroutine[Any, Any, _Result]:
        """A call that needs no key, since it reads or sets a state, or has no use for one.

        Raises:
            MisuseError: it acts, and no call may where this one is made.
        """
        if operation.repeat is not _SAFE:
            self._check_open(operation)
        policy = self._policies[operation.repeat]
        return _Call(self._connection, self._driver, operation, attempt, policy).finish()

    async def run_keyed(
        self,
        operation: Operation,
        attempt: Callable[[str], Awaitable[_Result]],
        key: CallKey | str | None,
        effect: CallSpec[_Result] | None = None,
    ) -> _Result:
        """A call under an idempotency key; every attempt gets the same, as the provider takes it.

        Args:
            operation: which.
            attempt: is handed the provider's key.
            key: the caller's, or None to make one: see `key`, which a port may call itself.
            effect: what is asked for. Without it the call has no key of the job's, and no journal.

        Raises:
            InvalidRequestError: the key is unusable, or an argument cannot be compared with that
                of a repeat; nothing was sent.
            IdempotencyConflictError: the journal knows the key with other arguments.
            StoreUnavailableError: the journal cannot be written to; nothing was sent.
        """
        if not isinstance(key, CallKey):
            key = self.key(operation, key, None if effect is None else effect.arguments)
        length_max = self._driver.capabilities.key_length_max
        derived = derived_key(operation.name, key.text, length_max=length_max)
        windowed = self._window is not None
        journal = self._connection.journal if windowed or not self._honoured else None
        askable = journal is not None and effect is not None and effect.search is not None
        call = _Call(
            self._connection,
            self._driver,
            operation,
            lambda: attempt(derived),
            self._policies[operation.repeat],
            key=key.text,
            repeatable=key.lasting and (self._honoured or askable),
            window=self._window,
        )
        if effect is None or journal is None or not key.lasting:
            return await call.finish()
        search = effect.search
        at = occasion.get()
        intent = Intent(
            scope=self._scope(operation),
            key=key.text,
            fingerprint=fingerprint(effect.arguments),
            likeness=None if search is None else fingerprint(search.like),
            job=None if at is None else at.job,
        )
        return await Journalled(
            journal,
            intent,
            effect,
            call,
            settle_seconds=self._driver.capabilities.settle_seconds,
            provider=self._driver.provider,
            operation=operation.name,
            harmless=self._remembered,
        ).finish()

    def _remembered(self, entry: JournalEntry) -> bool:
        """Whether the provider still knows the key of a call in doubt, so that it may repeat it."""
        age = self._connection.clock.now() - entry.started_at
        return self._window is not None and age < self._window

    def key(self, operation: Operation, key: str | None, arguments: object) -> CallKey:
        """The key of one call, which counts as made: the caller's, the job's, or one for it alone.

        Args:
            operation: which.
            key: the caller's.
            arguments: all that is asked for; None for a call that has no key of the job's.

        Raises:
            InvalidRequestError: the key is unusable, or an argument cannot be compared with that
                of a repeat.
            MisuseError: no call may act where this one is made.
        """
        self._check_open(operation)
        if key is not None:
            return CallKey(checked_key(key), lasting=True)
        at = occasion.get()
        if at is None or arguments is None:
            return CallKey(self._connection.ids(), lasting=False)
        return CallKey(at.key(self._scope(operation), fingerprint(arguments)), lasting=True)

    def _check_open(self, operation: Operation) -> None:
        at = occasion.get()
        if at is not None and at.closed is not None:
            raise MisuseError(f"{self._scope(operation)} {at.closed}")

    def _scope(self, operation: Operation) -> str:
        return f"{self._connection.scope}:{operation.name}"


@final
class _Call(Generic[_Result]):
    """The state of one call."""

    __slots__ = (
        "_attempt",
        "_began",
        "_connection",
        "_driver",
        "_key",
        "_operation",
        "_policy",
        "_repeatable",
        "_watch",
        "_window",
        "acted",
        "in_doubt",
    )

    def __init__(
        self,
        connection: Connection,
        driver: Driver,
        operation: Operation,
        attempt: Callable[[], Awaitable[_Result]],
        policy: Caller,
        *,
        key: str | None = None,
        repeatable: bool = False,
        window: float | None = None,
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._operation = operation
        self._attempt = attempt
        self._policy = policy
        self._key = key
        self._repeatable = repeatable
        self._window = window
        self._began = 0.0 if window is None else connection.clock.monotonic()
        self._watch: CallWatch | None = None
        self.in_doubt = False
        """An attempt may have acted, and no later answer has told."""
        self.acted = False
        """An attempt has: the result is the provider's, not a fallback's."""

    async def finish(self) -> _Result:
        """Make the call."""
        connection = self._connection
        watch = self._watch = self._watched() if connection.listeners.active else None
        ended: str | None = _CANCELLED
        try:
            result = await connection.runtime.call(self._policy, self._once)
        except HardpointError as error:
            failure = self._final(error)
            ended = _code(failure)
            if failure is error:
                raise
            raise failure from error
        else:
            ended = None
            return result
        finally:
            if watch is not None:
                watch.end(ended)

    def _watched(self) -> CallWatch:
        connection = self._connection
        return CallWatch(
            connection.name,
            self._driver.provider,
            self._operation.name,
            clock=connection.clock,
            ids=connection.ids,
            listeners=connection.listeners,
            key=self._key,
        )

    async def _once(self) -> _Result:
        """One attempt, as the policy runs it; its errors say whether a repeat is harmless."""
        if self._window is not None and self.in_doubt:
            self._check_window(self._window)
        if (watch := self._watch) is not None:
            watch.begin_attempt()
        doubt, self.in_doubt = self.in_doubt, self._operation.repeat is not _SAFE
        ended: str | None = _CANCELLED
        facts: ProviderError | None = None
        try:
            result = await self._attempt()
        except Exception as error:
            failure = self._failure_of(error)
            effect = recognise(failure).effect or Effect.UNKNOWN
            self.in_doubt = self._operation.repeat is not _SAFE and in_doubt(doubt, effect)
            ended = _code(failure)
            if watch is not None and isinstance(failure, ProviderError):
                facts = failure
            if failure is error:
                raise
            raise failure from error
        else:
            self.in_doubt, self.acted = False, True
            ended = None
            return result
        finally:
            if watch is not None:
                status = facts.status if facts else None
                watch.end_attempt(ended, status=status, request_id=facts and facts.request_id)
                facts = None  # a frame that holds its own error would live until collected

    def _check_window(self, window: float) -> None:
        """Refuse to repeat what is in doubt under a key that the provider may have forgotten."""
        if self._connection.clock.monotonic() - self._began >= window:
            self._repeatable = False
            failure = OutcomeUnknownError(f"the provider may have forgotten a key of {window:g} s")
            failure.retryable = False
            raise failure

    def _failure_of(self, error: Exception) -> HardpointError:
        """The error as the policy and the caller are to see it."""
        operation = self._operation
        if isinstance(error, OutcomeUnknownError) and operation.repeat is Repeat.SAFE:
            failure = UnavailableError(
                str(error),
                status=error.status,
                vendor_code=error.vendor_code,
                request_id=error.request_id,
                retry_after=error.retry_after,
            )
        elif isinstance(error, ProviderError):
            failure = error
        elif isinstance(error, HardpointError):
            return error
        else:
            failure = UnexpectedResponseError(
                f"{type(error).__name__} in the driver", outcome_known=False
            )
        failure.provider = failure.provider or self._driver.provider
        failure.operation = failure.operation or operation.name
        return failure

    def _final(self, error: HardpointError) -> HardpointError:
        if not self.in_doubt:
            return error
        provider, operation = self._driver.provider, self._operation.name
        failure = (
            error
            if isinstance(error, OutcomeUnknownError)
            else outcome_unknown(error, provider, operation)
        )
        failure.provider, failure.operation = provider, operation
        failure.idempotency_key = self._key
        failure.repeatable = self._repeatable or self._operation.repeat is Repeat.IDEMPOTENT
        failure.key_seconds = self._driver.capabilities.key_seconds
        return failure


def _code(failure: HardpointError) -> str:
    return failure.code if isinstance(failure, ProviderError) else type(failure).__name__
