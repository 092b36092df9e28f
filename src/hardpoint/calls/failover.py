"""Failover: one effect, several accounts that can have it, each tried when the one before did not.

- The next is tried where nothing was done and nothing is wrong with what was asked: the account is
  unavailable, refuses our credentials, has counted too many calls, or its circuit is open.
- Key and journal are the group's. Beside its row another one under the same key names the account
  that is asked, before it is. A repeat stays there until that is settled, and goes to nobody where
  the account is in the group no more. That it now refuses to be asked settles nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar, final

import msgspec

from hardpoint.calls.call import CallKey
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Journalled
from hardpoint.calls.key import fingerprint, occasion
from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import (
    AuthenticationError,
    CircuitOpenError,
    HardpointError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.outcome import Operation
from hardpoint.store.journal import Intent, Journal, JournalEntry, Standing

_Result = TypeVar("_Result")
_Member = TypeVar("_Member", bound="GroupMember")
_PASSING = (
    UnavailableError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitedError,
    CircuitOpenError,
)


class GroupMember(Protocol):
    """A portable type over one account of a group."""

    @property
    def connection(self) -> Connection:
        """The account's, whose `group` is that of all."""
        ...


class FailedOver(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a group did nothing, and the next is tried."""

    severity: ClassVar[str] = "warning"
    group: str
    connection: str
    """Which did nothing."""
    following: str
    operation: str
    error: str
    correlation_id: str | None


def passes_on(error: HardpointError) -> bool:
    """Whether another account may be tried: nothing was done, and what was asked is not wrong."""
    return isinstance(error, _PASSING) and error.outcome_known


@final
class Failover(Generic[_Member]):
    """Runs the calls of one group.

    Args:
        connection: the group's own; its journal holds the group's keys.
        members: in the order in which they are tried.
    """

    def __init__(self, connection: Connection, members: Sequence[_Member]) -> None:
        self._connection = connection
        self.members = tuple(members)
        self.counts = dict.fromkeys((one.connection.name for one in members), 0)
        """How often each has failed over to the next."""

    async def run(
        self,
        operation: Operation,
        key: CallKey,
        effect: CallSpec[_Result],
        attempt: Callable[[_Member, CallKey], Awaitable[_Result]],
    ) -> _Result:
        """One effect by one of the accounts.

        Args:
            operation: which.
            key: the group's; every account gets it.
            effect: what is asked for.
            attempt: has it done by an account.
        """
        call = _GroupCall(self, operation, key, attempt)
        journal = self._connection.journal
        if journal is None or not key.lasting:
            return await call.finish()
        return await Journalled(
            journal,
            self._intent(operation, key, effect),
            effect,
            call,
            operation=operation.name,
            harmless=call.reopened,  # who was begun with decides; see `_GroupCall.finish`
        ).finish()

    def mark(self, member: _Member, operation: Operation, key: CallKey) -> "_Mark | None":
        """The row that names the account; none for a call that nobody repeats."""
        journal = self._connection.journal
        if journal is None or not key.lasting:
            return None
        return _Mark(
            journal,
            Intent(
                scope=f"{self._connection.name}>{operation.name}",
                key=key.text,
                fingerprint=fingerprint(member.connection.name),
            ),
        )

    def left(self, operation: Operation, key: CallKey) -> OutcomeUnknownError:
        """For an effect that was begun with an account that the group had before."""
        return OutcomeUnknownError(
            f"the call under the key {key.text!r} may have acted by an account that is in the "
            f"group {self._connection.name} no more; look there, then retry the job or use a new "
            "key",
            idempotency_key=key.text,
            operation=operation.name,
        )

    def unsettled(self, member: _Member, operation: Operation, key: CallKey) -> OutcomeUnknownError:
        """For an effect that was begun with an account that cannot be asked now."""
        return OutcomeUnknownError(
            f"the call under the key {key.text!r} may have acted by {member.connection.name}, "
            "which does not take a repeat now; repeat it later, or look there and use a new key",
            idempotency_key=key.text,
            operation=operation.name,
        )

    def tell(
        self, member: _Member, following: _Member, operation: Operation, error: HardpointError
    ) -> None:
        """Count and tell that the next is tried."""
        self.counts[member.connection.name] += 1
        self._connection.listeners.emit(
            FailedOver(
                group=self._connection.name,
                connection=member.connection.name,
                following=following.connection.name,
                operation=operation.name,
                error=type(error).__name__,
                correlation_id=correlation_id.get(),
            )
        )

    def _intent(self, operation: Operation, key: CallKey, effect: CallSpec[Any]) -> Intent:
        at = occasion.get()
        return Intent(
            scope=f"{self._connection.name}:{operation.name}",
            key=key.text,
            fingerprint=fingerprint(effect.arguments),
            job=None if at is None else at.job,
        )


@final
class _Mark:
    """The row that names the account which is asked, of one call."""

    def __init__(self, journal: Journal, intent: Intent) -> None:
        self._journal = journal
        self._intent = intent
        self._held = False

    async def standing(self) -> Standing:
        """What is known of this account and the key."""
        entry = await self._journal.begin(self._intent)
        if entry.standing is Standing.NEW:
            self._journal.free(self._intent)
        elif entry.standing is Standing.OPEN:
            self._journal.leave(self._intent)
        return entry.standing

    async def set(self) -> None:
        """It is asked now. Where another one stands there, a person wanted it done anew."""
        entry = await self._journal.begin(self._intent)
        if entry.standing is Standing.OPEN:
            await self._journal.resume(self._intent)
        self._held = entry.standing in {Standing.NEW, Standing.OPEN}

    async def done(self) -> None:
        """It has acted; that is kept as long as the group's own row."""
        if self._held:
            await self._journal.end(self._intent, b"null", None)

    def ended(self, *, in_doubt: bool) -> None:
        """It has not, or nobody knows."""
        if self._held and in_doubt:
            self._journal.leave(self._intent)
        elif self._held:
            self._journal.free(self._intent)


@final
class _GroupCall(Generic[_Member, _Result]):
    """One call of a group."""

    def __init__(
        self,
        group: Failover[_Member],
        operation: Operation,
        key: CallKey,
        attempt: Callable[[_Member, CallKey], Awaitable[_Result]],
    ) -> None:
        self._group = group
        self._about = (operation, key)
        self._attempt = attempt
        self._again = self._begun = False
        self.in_doubt = self.acted = False

    def reopened(self, _: JournalEntry) -> bool:
        """It was begun before: whoever it was begun with goes first."""
        self._again = True
        return True

    async def finish(self) -> _Result:
        """Try one after another."""
        members = list(self._group.members)
        if self._again:
            self.in_doubt = True
            members = await self._in_order(members)
        operation, key = self._about
        while True:
            one = members.pop(0)
            mark = self._group.mark(one, operation, key)
            if mark is not None:
                await mark.set()
            self.in_doubt = True
            try:
                result = await self._attempt(one, key)
            except HardpointError as error:
                if self._begun and passes_on(error):  # of this repeat; the first may have acted
                    raise self._group.unsettled(one, operation, key) from error
                self.in_doubt = not error.outcome_known
                if not members or not passes_on(error):
                    raise
                self._group.tell(one, members[0], operation, error)
            else:
                self.in_doubt, self.acted = False, True
                if mark is not None:
                    await mark.done()
                return result
            finally:
                if mark is not None and not self.acted:
                    mark.ended(in_doubt=self.in_doubt)

    async def _in_order(self, members: list[_Member]) -> list[_Member]:
        """Whoever was asked first of all; all as they stand where nobody was.

        Raises:
            OutcomeUnknownError: it was somebody whom the group has no more.
        """
        operation, key = self._about
        for one in members:
            mark = self._group.mark(one, operation, key)
            standing = Standing.NEW if mark is None else await mark.standing()
            if standing is Standing.NEW:
                return members
            if standing is not Standing.OTHER:
                self._begun = True
                return [one, *(other for other in members if other is not one)]
        raise self._group.left(operation, key)
