"""Calls that were begun, under their keys: what a journal writes and reads.

A row is new, open or done, by its times alone. One that is being made has a holder: the session of
a process, and the number of the call there. While that process lives, nobody else makes the call,
and it is in no doubt. When it has died, the doubt begins: nothing can be sent any more.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

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
from hardpoint.store.journalling import CallName, name_of
from hardpoint.store.sqlite.sessions import LiveSession
from hardpoint.store.statements import statements

_MISSING_SECONDS: Final = 3.0
"""How long a session's file may be missing; its process looks after it each second."""

_SQL = statements("calls")


class Moment(NamedTuple):
    """When something happened, by the wall's clock and by the steady one."""

    wall: float
    steady: float


class Mark(NamedTuple):
    """Who makes a call: a session, and the call's number there."""

    session: str
    token: int


class CallRows:
    """Acts on the writer's connection, inside its transaction.

    Args:
        connection: the writer's.
        opened: when the store was opened.
        session: of this process; knows which others live.
    """

    def __init__(
        self, connection: sqlite3.Connection, opened: Moment, session: LiveSession
    ) -> None:
        self._connection = connection
        self._opened = opened
        self._session = session
        self._doubts: dict[CallName, float] = {}
        """Since when calls are in doubt, by the steady clock; for those of before, the opening."""
        self._missing: dict[str, float] = {}
        """Since when a holder's file is not there."""

    def do(self, step: AnyCallStep, session: str, now: Moment) -> object:
        """Write down what a session asks for; gives the answer, where there is one."""
        intent, mark = step.intent, Mark(session, step.token)
        match step:
            case BeginCall():
                return self._begin(intent, mark, now)
            case ResumeCall():
                self._resume(intent, mark)
            case AdoptCall():
                return self._adopt(intent, step.found, step.others, now)
            case EndCall():
                self._end(intent, step.result, step.subject, now)
            case FreeCall():
                self._delete("free", intent, mark)
            case AbandonCall():
                self._delete("abandon", intent, mark)
                self._leave(intent, mark, now)
            case _:  # LeaveCall
                self._leave(intent, mark, now)
        return None

    def _begin(self, intent: Intent, mark: Mark, now: Moment) -> JournalEntry:  # noqa: PLR0911 - one for each standing
        """Write the intent down where nothing is under its key; give what is."""
        name, job = name_of(intent), intent.job
        of_job = (None, None, None) if job is None else (job.event, job.handler, job.attempt)
        row = self._connection.execute(_SQL["get"], name).fetchone()
        if row is None and job is not None and self._stray(intent, *of_job):
            return JournalEntry(standing=Standing.STRAY)
        if row is None:
            mine = (intent.fingerprint, intent.likeness, *of_job, now.wall, *mark)
            self._connection.execute(_SQL["begin"], (*name, *mine))
            return JournalEntry(standing=Standing.NEW, started_at=now.wall)
        fingerprint, started_at, doubted_at, cleared, ended_at, result, holder, token = row
        if fingerprint != intent.fingerprint:
            return JournalEntry(standing=Standing.OTHER)
        if ended_at is not None:
            return JournalEntry(
                standing=Standing.DONE, result=result, started_at=started_at, ended_at=ended_at
            )
        if (holder, token) == mark and doubted_at is None:
            # Whoever began it has not heard so, and asks again.
            return JournalEntry(standing=Standing.NEW, started_at=started_at)
        if holder is not None and holder != mark.session and not self._gone(holder, now):
            return JournalEntry(standing=Standing.BUSY)
        self._connection.execute(_SQL["take_up"], (*of_job, now.wall, *mark, *name))
        return JournalEntry(
            standing=Standing.OPEN,
            started_at=started_at,
            doubt_seconds=self._doubted(name, now, doubted_at),
            cleared=bool(cleared),
        )

    def _resume(self, intent: Intent, mark: Mark) -> None:
        """It is being sent from now on."""
        name = name_of(intent)
        if not self._connection.execute(_SQL["resume"], (*name, *mark)).rowcount:
            raise StoreUnavailableError("the call has passed to another process meanwhile")
        self._doubts.pop(name, None)

    def _adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other], now: Moment
    ) -> Found | Unfound:
        """End it with the first found that no other key has.

        What is adopted may be the effect of another call in doubt that looks alike. Then the effect
        of this one is still to show, and the other must wait for it as if it were its own.

        Args:
            intent: what is in doubt.
            found: what may be its effect.
            others: what may be it in words that the provider has changed; it is not, where another
                call that is open looks just like it.
            now: when that is.
        """
        name = name_of(intent)
        execute = self._connection.execute
        ended = execute(_SQL["ended"], name).fetchone()
        if ended is not None:  # it was adopted, and asks again
            return Found(*ended)
        ids = msgspec.json.encode([one.subject for one in (*found, *others)]).decode()
        taken = {row[0] for row in execute(_SQL["taken"], (intent.scope, ids))}
        free = [one for one in found if one.subject not in taken]
        group = (intent.scope, intent.likeness, intent.key)
        alike = execute(_SQL["alike"], group).fetchall()
        rival = any(
            doubted_at is None and holder is not None and not self._gone(holder, now)
            for _, doubted_at, holder in alike
        )
        if not free or rival:
            (doubted_at,) = execute(_SQL["doubted_at"], name).fetchone()
            age = self._doubted(name, now, doubted_at)
            strange = any(
                one.subject not in taken and not self._open(intent.scope, one.likeness)
                for one in others
            )
            return Unfound(rival=bool(free) and rival, doubt_seconds=age, strange=strange)
        self._end(intent, free[0].result, free[0].subject, now)
        execute(_SQL["doubt_anew"], (now.wall, *group))
        self._doubts.update({(intent.scope, key): now.steady for key, _, _ in alike})
        return free[0]

    def _end(self, intent: Intent, result: bytes | None, subject: str | None, now: Moment) -> None:
        """It was done, whoever holds it now."""
        name = name_of(intent)
        self._doubts.pop(name, None)
        self._connection.execute(_SQL["end"], (now.wall, result, subject, *name))

    def _delete(self, how: str, intent: Intent, mark: Mark) -> None:
        """It was not done."""
        name = name_of(intent)
        if self._connection.execute(_SQL[how], (*name, *mark)).rowcount:
            self._doubts.pop(name, None)

    def _leave(self, intent: Intent, mark: Mark, now: Moment) -> None:
        """Nobody knows; since when, is kept from the first time on."""
        name = name_of(intent)
        if self._connection.execute(_SQL["leave"], (now.wall, *name, *mark)).rowcount:
            self._doubts[name] = now.steady
        else:
            self._connection.execute(_SQL["let_go"], (*name, *mark))

    def take_over(self) -> None:
        """Whatever nobody holds who lives has ended somehow; nobody else's is touched."""
        self._connection.execute(_SQL["take_over"], (self._opened.wall,))
        for holder in self._holders():
            if not self._session.lives(holder):
                self._bury(holder, self._opened)

    def lost(self, now: Moment) -> list[str]:
        """The holders that have died since the last look; outside a transaction, too."""
        return [holder for holder in self._holders() if self._gone(holder, now)]

    def bury(self, now: Moment) -> None:
        """The calls of those that have died are in doubt from now on."""
        for holder in self.lost(now):
            self._bury(holder, now)

    def clear(self, event: str, handler: str | None) -> None:
        """Someone has looked at what a job's calls were parked for, and wants it done."""
        self._connection.execute(_SQL["clear"], (event, handler))

    def _holders(self) -> list[str]:
        return [holder for (holder,) in self._connection.execute(_SQL["holders"])]

    def _bury(self, holder: str, now: Moment) -> None:
        execute = self._connection.execute
        held = execute(_SQL["held"], (holder,)).fetchall()
        self._doubts.update(dict.fromkeys(held, now.steady))
        execute(_SQL["bury"], (now.wall, holder))

    def _gone(self, holder: str, now: Moment) -> bool:
        """Whether a process is dead. Where its file was removed, that is known after a while."""
        lives = self._session.lives(holder)
        if lives is not None:
            self._missing.pop(holder, None)
            return not lives
        return now.steady - self._missing.setdefault(holder, now.steady) >= _MISSING_SECONDS

    def _open(self, scope: str, likeness: bytes) -> bool:
        """Whether a call that looks like this may be in flight."""
        return self._connection.execute(_SQL["open"], (scope, likeness)).fetchone() is not None

    def _stray(
        self, intent: Intent, event: str | None, handler: str | None, attempt: int | None
    ) -> bool:
        of_job = (event, handler, attempt, intent.scope)
        return self._connection.execute(_SQL["stray"], of_job).fetchone() is not None

    def _doubted(self, name: CallName, now: Moment, doubted_at: float | None) -> float:
        """For how long it has been in doubt, by the clock that says less: the wall's may jump."""
        if doubted_at is None:
            self._doubts.setdefault(name, now.steady)
            return 0.0
        steady = now.steady - self._doubts.get(name, self._opened.steady)
        return max(0.0, min(now.wall - doubted_at, steady))
