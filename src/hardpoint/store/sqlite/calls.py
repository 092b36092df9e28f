"""Calls that were begun, under their keys: what a journal writes and reads.

A row is new, open or done, by its times alone. What an earlier boot had begun and not ended is in
doubt from the opening on: that process cannot send any more.

Which calls are in flight is kept in memory: one process has the store, so no other can have any. A
call ends with what runs it: one whose event loop was closed over it is in flight no more, and
nobody will say so.
"""

import sqlite3
import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

import msgspec

from hardpoint.store.journal import Found, Intent, JournalEntry, Other, Standing, Unfound
from hardpoint.store.statements import statements

CallName = tuple[str, str]
"""Scope and key."""

_SQL = statements("calls")


class Moment(NamedTuple):
    """When something happened, by the wall's clock and by the steady one."""

    wall: float
    steady: float


def name_of(intent: Intent) -> CallName:
    """What its row goes by."""
    return intent.scope, intent.key


class CallRows:
    """Acts on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, opened: Moment) -> None:
        self._connection = connection
        self._opened = opened
        self._doubts: dict[CallName, float] = {}
        """Since when calls of this boot are in doubt, by the steady clock."""

    def begin(self, intent: Intent, now: Moment) -> JournalEntry:
        """Write the intent down where nothing is under its key; give what is."""
        name, job = name_of(intent), intent.job
        of_job = (None, None, None) if job is None else (job.event, job.handler, job.attempt)
        row = self._connection.execute(_SQL["get"], name).fetchone()
        if row is None:
            if job is not None and self._stray(intent, *of_job):
                return JournalEntry(standing=Standing.STRAY)
            mine = (intent.fingerprint, intent.likeness, *of_job, now.wall)
            self._connection.execute(_SQL["begin"], (*name, *mine))
            return JournalEntry(standing=Standing.NEW, started_at=now.wall)
        fingerprint, started_at, doubted_at, cleared, ended_at, result = row
        if fingerprint != intent.fingerprint:
            return JournalEntry(standing=Standing.OTHER)
        if ended_at is not None:
            return JournalEntry(
                standing=Standing.DONE, result=result, started_at=started_at, ended_at=ended_at
            )
        self._connection.execute(_SQL["take_up"], (*of_job, now.wall, *name))
        return JournalEntry(
            standing=Standing.OPEN,
            started_at=started_at,
            doubt_seconds=self._doubted(name, now, doubted_at),
            cleared=bool(cleared),
        )

    def resume(self, intent: Intent) -> None:
        """It is being sent from now on."""
        self._doubts.pop(name_of(intent), None)
        self._connection.execute(_SQL["resume"], name_of(intent))

    def adopt(
        self,
        intent: Intent,
        found: Sequence[Found],
        others: Sequence[Other],
        sending: Mapping[CallName, bool],
        now: Moment,
    ) -> Found | Unfound:
        """End it with the first found that no other key has.

        What is adopted may be the effect of another call in doubt that looks alike. Then the effect
        of this one is still to show, and the other must wait for it as if it were its own.

        Args:
            intent: what is in doubt.
            found: what may be its effect.
            others: what may be it in words that the provider has changed; it is not, where another
                call that is open looks just like it.
            sending: the calls in flight, and whether they are being sent.
            now: when that is.
        """
        name = name_of(intent)
        ids = msgspec.json.encode([one.subject for one in (*found, *others)]).decode()
        execute = self._connection.execute
        taken = {row[0] for row in execute(_SQL["taken"], (intent.scope, ids))}
        free = [one for one in found if one.subject not in taken]
        group = (intent.scope, intent.likeness, intent.key)
        alike = [(intent.scope, key) for (key,) in execute(_SQL["alike"], group)]
        rival = any(sending.get(one) for one in alike)
        if not free or rival:
            (doubted_at,) = execute(_SQL["doubted_at"], name).fetchone()
            age = self._doubted(name, now, doubted_at)
            strange = any(
                one.subject not in taken and not self._open(intent.scope, one.likeness)
                for one in others
            )
            return Unfound(rival=bool(free) and rival, doubt_seconds=age, strange=strange)
        self.end(intent, free[0].result, free[0].subject, now)
        execute(_SQL["doubt_anew"], (now.wall, *group))
        self._doubts.update(dict.fromkeys(alike, now.steady))
        return free[0]

    def end(self, intent: Intent, result: bytes | None, subject: str | None, now: Moment) -> None:
        """It was done."""
        name = name_of(intent)
        self._doubts.pop(name, None)
        self._connection.execute(_SQL["end"], (now.wall, result, subject, *name))

    def free(self, intent: Intent) -> None:
        """It was not done."""
        self._doubts.pop(name_of(intent), None)
        self._connection.execute(_SQL["free"], name_of(intent))

    def leave(self, intent: Intent, now: Moment) -> None:
        """Nobody knows."""
        name = name_of(intent)
        self._doubts.setdefault(name, now.steady)
        self._connection.execute(_SQL["leave"], (now.wall, *name))

    def take_over(self) -> None:
        """Whatever an earlier boot had under way has ended somehow."""
        self._connection.execute(_SQL["take_over"], (self._opened.wall,))

    def clear(self, event: str, handler: str | None) -> None:
        """Someone has looked at what a job's calls were parked for, and wants it done."""
        self._connection.execute(_SQL["clear"], (event, handler))

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


@final
class _CallInFlight:
    """One call between its beginning and its end."""

    __slots__ = ("intent", "loop", "sending")

    def __init__(self, intent: Intent, loop: AbstractEventLoop | None) -> None:
        self.intent = intent
        self.loop = loop
        self.sending = True

    @property
    def gone(self) -> bool:
        return self.loop is not None and self.loop.is_closed()


@final
class CallsInFlight:
    """The calls between their beginning and their end; for all threads and event loops."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a forked child none is."""
        self._lock = threading.Lock()
        self._calls: dict[CallName, _CallInFlight] = {}
        self._given_up: list[Intent] = []

    @property
    def sending(self) -> Mapping[CallName, bool]:
        """Each of them, and whether it may be sent; the others are asked for only."""
        with self._lock:
            return {name: one.sending for name, one in self._calls.items() if not one.gone}

    def enter(self, intent: Intent) -> bool:
        """Begin one, which may be sent; False when it is in flight already."""
        name = name_of(intent)
        with self._lock:
            found = self._calls.get(name)
            if found is not None:
                if not found.gone:
                    return False
                self._given_up.append(found.intent)
            self._calls[name] = _CallInFlight(intent, _get_running_loop())
            return True

    def holds(self, intent: Intent) -> bool:
        """Whether one has begun, in this process."""
        with self._lock:
            return name_of(intent) in self._calls

    def mark(self, intent: Intent, *, sending: bool) -> None:
        """Say whether one that has begun may be sent now."""
        self._calls[name_of(intent)].sending = sending

    def leave(self, intent: Intent) -> bool:
        """One has ended; False when its key is another's now.

        It was given up for gone, or it is a forked child's copy of a call of the parent's.
        """
        with self._lock:
            others = [one for one in self._given_up if one is not intent]
            if len(others) < len(self._given_up):
                self._given_up = others
                return False
            return self._calls.pop(name_of(intent), None) is not None
