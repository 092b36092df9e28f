"""Ending attempts: the fenced statement, the record of the attempt, and users' writes around them.

The statements are shared with `complete_in`, which runs them on a user's connection.
"""

import sqlite3
from collections.abc import Callable
from typing import cast

from hardpoint.core.effects import Clock
from hardpoint.core.errors import TimedOutError, TransactionLostError
from hardpoint.store.driver import Completed, Completion, Outcome, WriteFailedError
from hardpoint.store.events import WriteWasSlow
from hardpoint.store.keys import storable, storable_or_none
from hardpoint.store.sqlite.files import WriteFault, fault_of_write
from hardpoint.store.sqlite.transaction import Postponed, UserWrites
from hardpoint.store.statements import statements

_SQL = statements("completions")
END = _SQL["end"]
RECORD = _SQL["record"]

_BURIED = {Outcome.DEAD: "permanent", Outcome.NEEDS_RECONCILE: "needs_reconcile"}
"""Outcomes that leave a dead letter, and its reason where none is given."""

_AGAIN = {Outcome.FAILED, Outcome.DEFERRED}

CRASH = "crash"
"""The reason of a dead letter whose last attempt did not fail: the process died in it."""

AttemptRow = tuple[str, str, int, float, float, str, str | None, str | None]


def attempt_of(completion: Completion) -> AttemptRow:
    """The row that records an attempt."""
    return (
        completion.event,
        completion.handler,
        completion.fence,
        completion.started_at,
        completion.ended_at,
        completion.outcome,
        storable_or_none(completion.error),
        _place(completion),
    )


class Completions:
    """Ends attempts on the writer's connection, inside its transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        writes: UserWrites,
        *,
        boot: int,
        clock: Clock,
        slow: float,
        tell: Callable[[object], None],
    ) -> None:
        self._connection = connection
        self._writes = writes
        self._boot = boot
        self._clock = clock
        self._slow = slow
        self._tell = tell
        self._attempts: list[AttemptRow] = []

    def begin(self) -> None:
        """Start a batch."""
        self._attempts = []

    def flush(self) -> None:
        """Write what the batch has gathered."""
        if self._attempts:
            self._connection.executemany(RECORD, self._attempts)

    def allow(self) -> None:
        """A group begins, with all the time that its write functions may take together."""
        self._writes.begin()

    def close(self) -> None:
        """No more is written."""
        self._writes.close()

    def complete(self, completion: Completion) -> Completed | WriteFailedError | Postponed:
        """End one attempt; its job, its record and its writes happen together or not at all.

        Returns:
            What became of it, or that a write function raised; then the job is leased still. Or
            that the writes of others have taken all the time there was: it is to be asked again.

        Raises:
            TransactionLostError, TimedOutError: a write function took the whole group with it.
            sqlite3.Error: the store's own trouble.
        """
        result = self._guarded(completion) if completion.writes else self._end(completion)
        if result is Completed.RECORDED:
            self._attempts.append(attempt_of(completion))
        return result

    def _guarded(self, completion: Completion) -> Completed | WriteFailedError | Postponed:
        """End it with its writes, in a savepoint. The fence comes first: too late, no write."""
        if self._writes.exhausted:
            return Postponed()
        execute = self._connection.execute
        execute(_SQL["savepoint"])
        try:
            result = self._end(completion)
            if result is Completed.RECORDED:
                self._write(completion)
        except BaseException as error:
            kind = type(error)  # `isinstance` would run code of an odd class
            if not self._connection.in_transaction:
                if issubclass(kind, TimedOutError | Postponed):
                    raise
                raise TransactionLostError from error
            if fault_of_write(error) is not WriteFault.DATA:
                raise
            execute(_SQL["undo"])
            execute(_SQL["release"])
            return (
                cast(Postponed, error) if issubclass(kind, Postponed) else WriteFailedError(error)
            )
        execute(_SQL["release"])
        return result

    def _write(self, completion: Completion) -> None:
        began = self._clock.monotonic()
        try:
            self._writes.run(completion.writes)
        finally:
            seconds = self._clock.monotonic() - began
            if seconds > self._slow:
                self._tell(
                    WriteWasSlow(
                        event=completion.event, handler=completion.handler, seconds=seconds
                    )
                )
        if not self._connection.in_transaction:
            raise TransactionLostError

    def _end(self, completion: Completion) -> Completed:
        lease = (completion.event, completion.handler, completion.fence, self._boot)
        execute = self._connection.execute
        if completion.outcome in _AGAIN:
            again = self._clock.now() + completion.retry_in
            failed = completion.outcome is Outcome.FAILED
            ended = execute(_SQL["again"], (again, failed, *lease)).rowcount
        elif completion.outcome in _BURIED:
            ended = self._bury(completion, lease)
        else:
            ended = execute(END, lease).rowcount
        return Completed.RECORDED if ended else Completed.REFUSED

    def _bury(self, completion: Completion, lease: tuple[str, str, int, int]) -> int:
        tally = self._connection.execute(_SQL["tally"], lease).fetchone()
        if tally is None:
            return 0
        failures, crashes = tally
        reason = completion.reason or _BURIED[completion.outcome]
        self._connection.execute(
            _SQL["bury"],
            (
                *lease[:3],
                completion.ended_at,
                reason,
                failures + (reason != CRASH),
                crashes,
                storable_or_none(completion.error),
                _place(completion),
            ),
        )
        return self._connection.execute(END, lease).rowcount


def _place(completion: Completion) -> str | None:
    return None if completion.place is None else storable(completion.place.stored())
