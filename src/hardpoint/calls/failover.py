"""Failover: one effect, several accounts that can have it, each tried when the one before did not.

- The next is tried where nothing was done and nothing is wrong with what was asked: the account is
  unavailable, refuses our credentials, has counted too many calls, or its circuit is open.
- Key and journal are the group's. Beside its row each account has one of its own under the same
  key, which names whom the effect was begun with. A repeat stays there until that is settled.
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
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
)
from hardpoint.core.outcome import Operation
from hardpoint.store.journal import Intent, JournalEntry, Standing

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
        call = _GroupCall(self, operation, key, effect, attempt)
        journal = self._connection.journal
        if journal is None or not key.lasting:
            return await call.finish()
        return await Journalled(
            journal,
            self._intent(self._connection.name, operation, key, effect),
            effect,
            call,
            operation=operation.name,
            harmless=call.reopened,  # who was begun with decides; see `_GroupCall.finish`
        ).finish()

    async def begun(
        self, member: _Member, operation: Operation, key: CallKey, effect: CallSpec[Any]
    ) -> bool:
        """Whether an account has, or may have, the effect of a key."""
        journal: Any = self._connection.journal  # without one nothing is begun twice
        intent = self._intent(member.connection.scope, operation, key, effect)
        entry = await journal.begin(intent)
        if entry.standing is Standing.NEW:
            journal.free(intent)
            return False
        if entry.standing is Standing.OPEN:
            journal.leave(intent)
        return True

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

    def _intent(
        self, scope: str, operation: Operation, key: CallKey, effect: CallSpec[Any]
    ) -> Intent:
        at = occasion.get()
        return Intent(
            scope=f"{scope}:{operation.name}",
            key=key.text,
            fingerprint=fingerprint(effect.arguments),
            job=None if at is None else at.job,
        )


@final
class _GroupCall(Generic[_Member, _Result]):
    """One call of a group."""

    def __init__(
        self,
        group: Failover[_Member],
        operation: Operation,
        key: CallKey,
        effect: CallSpec[_Result],
        attempt: Callable[[_Member, CallKey], Awaitable[_Result]],
    ) -> None:
        self._group = group
        self._about = (operation, key, effect)
        self._attempt = attempt
        self._again = False
        self.in_doubt = self.acted = False

    def reopened(self, _: JournalEntry) -> bool:
        """It was begun before: whoever it was begun with goes first."""
        self._again = True
        return True

    async def finish(self) -> _Result:
        """Try one after another."""
        members = list(self._group.members)
        if self._again:
            for one in self._group.members:
                self.in_doubt = True
                if await self._group.begun(one, *self._about):
                    members.remove(one)
                    members.insert(0, one)
                    break
        operation, key, _ = self._about
        while True:
            one = members.pop(0)
            self.in_doubt = True
            try:
                result = await self._attempt(one, key)
            except HardpointError as error:
                self.in_doubt = not error.outcome_known
                if not members or not passes_on(error):
                    raise
                self._group.tell(one, members[0], operation, error)
            else:
                self.in_doubt, self.acted = False, True
                return result
