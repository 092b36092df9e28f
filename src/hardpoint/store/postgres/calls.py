"""Calls that were begun, under their keys, as PostgreSQL has them.

A call in flight belongs to a process, and has a number there: `token`. When the process has died,
the call is in doubt from then on.
"""

from collections.abc import Sequence
from typing import Any, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.journal import (
    AbandonCall,
    AdoptCall,
    AnyCallStep,
    BeginCall,
    EndCall,
    Found,
    FreeCall,
    Intent,
    JournalEntry,
    Other,
    ResumeCall,
    Standing,
    Unfound,
)
from hardpoint.store.keys import dedupe_hash, storable
from hardpoint.store.statements import statements

_SQL = statements("calls", "hardpoint.store.postgres")

LONG_DEAD = 4
"""Times the seconds after which others may judge: then whoever asks may."""


def call_name(intent: Intent) -> bytes:
    """What its row goes by."""
    return dedupe_hash(intent.scope, intent.key)


@final
class CallStatements:
    """Writes calls of one process.

    Args:
        owner: the process.
        expires: seconds without a sign of life after which others may judge it.
    """

    def __init__(self, owner: str, expires: float) -> None:
        self._owner = owner
        self._long_dead = LONG_DEAD * expires

    async def do(self, connection: Any, step: AnyCallStep, *, ago: float = 0.0) -> Any:
        """Write a step down; safe to do twice.

        Args:
            connection: where.
            step: what.
            ago: how many seconds ago it was asked for.
        """
        intent, token = step.intent, step.token
        match step:
            case BeginCall():
                return await self.begin(connection, intent, token)
            case ResumeCall():
                await self.resume(connection, intent, token)
            case AdoptCall():
                return await self.adopt(connection, intent, step.found, step.others)
            case EndCall():
                await self.end(connection, intent, step.result, step.subject)
            case FreeCall():
                await self.free(connection, intent, token)
            case AbandonCall():
                await self.undo(connection, intent, token)
            case _:  # LeaveCall
                await self.leave(connection, intent, token, ago)
        return None

    async def begin(self, connection: Any, intent: Intent, token: int) -> JournalEntry:
        """Write the intent down where nothing is under its key; give what is. Safe to do twice."""
        async with connection.transaction():
            while True:
                found = await self._found(connection, intent, token)
                if found is not None:
                    return found
                if await self._stray(connection, intent):
                    return JournalEntry(standing=Standing.STRAY)
                started = await connection.fetchval(
                    _SQL["begin"],
                    call_name(intent),
                    storable(intent.scope),
                    storable(intent.key),
                    intent.fingerprint,
                    intent.likeness,
                    *_job(intent),
                    self._owner,
                    token,
                )
                if started is not None:
                    return JournalEntry(standing=Standing.NEW, started_at=started)

    async def _found(self, connection: Any, intent: Intent, token: int) -> JournalEntry | None:
        name = call_name(intent)
        row = await connection.fetchrow(_SQL["get"], name, token, self._owner, self._long_dead)
        if row is None:
            return None
        if row["fingerprint"] != intent.fingerprint:
            return JournalEntry(standing=Standing.OTHER)
        if row["ended_at"] is not None:
            return JournalEntry(
                standing=Standing.DONE,
                result=row["result"],
                started_at=row["started_at"],
                ended_at=row["ended_at"],
            )
        if row["busy"]:
            return JournalEntry(standing=Standing.BUSY)
        if row["mine"] and row["doubted_at"] is None:  # the answer to the first try was lost
            return JournalEntry(standing=Standing.NEW, started_at=row["started_at"])
        now = row["now"]
        await connection.execute(_SQL["take_up"], name, *_job(intent), now, self._owner, token)
        return JournalEntry(
            standing=Standing.OPEN,
            started_at=row["started_at"],
            doubt_seconds=max(0.0, now - (row["doubted_at"] or now)),
            cleared=row["cleared"],
        )

    async def _stray(self, connection: Any, intent: Intent) -> bool:
        if intent.job is None:
            return False
        found = await connection.fetchval(_SQL["stray"], *_job(intent), storable(intent.scope))
        return found is not None

    async def resume(self, connection: Any, intent: Intent, token: int) -> None:
        """It is being sent from now on.

        Raises:
            StoreUnavailableError: this process was taken for dead, and the call for open.
        """
        done = await connection.execute(_SQL["resume"], call_name(intent), token, self._owner)
        if not done.endswith(" 1"):
            raise StoreUnavailableError("the call has passed to another process: nothing was sent")

    async def adopt(
        self, connection: Any, intent: Intent, found: Sequence[Found], others: Sequence[Other]
    ) -> Found | Unfound:
        """End it with the first found that no other key has; see the journal on SQLite.

        One at a time in its scope. What is in flight is looked for first, and what has ended after
        that: so nothing slips from one to the other in between.
        """
        scope, name = storable(intent.scope), call_name(intent)
        group = (scope, intent.likeness, name)
        async with connection.transaction():
            await connection.execute(_SQL["one_adopts"], scope)
            mine = await connection.fetchval(_SQL["ended_with"], name)
            for one in found:
                if mine == _subject(intent, one.subject):
                    return one  # the answer to the first try was lost
            alike = await connection.fetch(_SQL["alike"], *group)
            rival = any(row["rival"] for row in alike)
            looks = [one.likeness for one in others]
            rows = await connection.fetch(_SQL["open"], scope, looks)
            open_looks = {row["likeness"] for row in rows}
            subjects = [_subject(intent, one.subject) for one in (*found, *others)]
            taken = {row["subject"] for row in await connection.fetch(_SQL["taken"], subjects)}
            free = [one for one in found if _subject(intent, one.subject) not in taken]
            if not free or rival:
                strange = any(
                    _subject(intent, one.subject) not in taken and one.likeness not in open_looks
                    for one in others
                )
                age = await connection.fetchval(_SQL["doubted"], name)
                return Unfound(
                    rival=bool(free) and rival, doubt_seconds=max(0.0, age or 0.0), strange=strange
                )
            await self.end(connection, intent, free[0].result, free[0].subject)
            await connection.execute(_SQL["doubt_anew"], *group)
            return free[0]

    async def end(
        self, connection: Any, intent: Intent, result: bytes | None, subject: str | None
    ) -> None:
        """It was done."""
        kept = None if subject is None else _subject(intent, subject)
        await connection.execute(_SQL["end"], call_name(intent), result, kept)

    async def free(self, connection: Any, intent: Intent, token: int) -> None:
        """It was not done."""
        await connection.execute(_SQL["free"], call_name(intent), token, self._owner)

    async def leave(self, connection: Any, intent: Intent, token: int, ago: float = 0.0) -> None:
        """Nobody knows."""
        await connection.execute(_SQL["leave"], call_name(intent), token, self._owner, ago)

    async def undo(self, connection: Any, intent: Intent, token: int) -> None:
        """It was not begun after all: what is new goes, and what was open before stays so."""
        await connection.execute(_SQL["undo"], call_name(intent), token, self._owner)
        await self.leave(connection, intent, token)

    async def let_go(self, connection: Any) -> None:
        """The process ends."""
        await connection.execute(_SQL["let_go"], self._owner)


@final
class SignOfLife:
    """This process gives its signs of life by beats, from its first call on."""

    def hold(self) -> None:
        """Be seen to live: done with the call."""


async def clear(connection: Any, event: str, handler: str | None) -> None:
    """Someone has looked at what a job's calls were parked for, and wants it done."""
    await connection.execute(_SQL["clear"], event, handler)


def _job(intent: Intent) -> tuple[str | None, str | None, int | None]:
    job = intent.job
    return (None, None, None) if job is None else (job.event, job.handler, job.attempt)


def _subject(intent: Intent, subject: str) -> bytes:
    """Stands for an id at the provider, within the scope."""
    return dedupe_hash(intent.scope, subject)
