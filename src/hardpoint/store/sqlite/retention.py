"""Retention: bodies go first, keys much later, unfinished events never; chunk by chunk."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from hardpoint.core.effects import Clock
from hardpoint.store.events import Retained
from hardpoint.store.retention import Retention
from hardpoint.store.statements import statements

_SQL = statements("retention")
_FREE_SHARE = 5
"""Pages are given back to the disk only when more than a fifth is free: new bodies reuse them."""
_SHRINK_PAGES = 512
"""At most so many in one transaction."""


class Sweep:
    """Applies a `Retention` on the writer's connection, one chunk in each transaction."""

    def __init__(self, connection: sqlite3.Connection, retention: Retention, clock: Clock) -> None:
        self.rows = retention.chunk
        self._connection = connection
        self._retention = retention
        self._clock = clock
        self._opened = clock.now(), clock.monotonic()
        self._next = clock.monotonic() + retention.every
        self._pass: Iterator[Retained | None] | None = None

    def due(self) -> bool:
        """Whether a chunk is to be done."""
        return self._pass is not None or self._clock.monotonic() >= self._next

    def chunk(self) -> Retained | None:
        """Do the next chunk; the last of a pass gives what the pass has done."""
        if self._pass is None:
            self._pass = self._sweep(self._now())
        try:
            result = next(self._pass)
        except BaseException:
            self.postpone()  # the chunk is rolled back; a pass begins anew later
            raise
        if result is not None:
            self.postpone()
        return result

    def postpone(self) -> None:
        """End this pass."""
        self._pass = None
        self._next = self._clock.monotonic() + self._retention.every

    def _now(self) -> float:
        """The wall clock, but never ahead of the steady one: a jump must not cost any key."""
        wall, steady = self._opened
        return min(self._clock.now(), wall + self._clock.monotonic() - steady)

    def _sweep(self, now: float) -> Iterator[Retained | None]:
        keep = self._retention
        bodies = keys = calls = 0
        seq, more = 0, True
        while more:
            seq, gone, more = self._drop_bodies(seq, now)
            bodies += gone
            yield None
        identifier, more = "", True
        while more:
            identifier, gone, more = self._drop_keys(identifier, now - keep.keys)
            keys += gone
            yield None
        more = True
        while more:
            gone, more = self._drop_calls(now)
            calls += gone
            yield None
        self._connection.execute(_SQL["drop_refused"], ((now - keep.done) // 60,))
        self._connection.execute(_SQL["drop_audit"], (now - keep.keys,))
        yield Retained(bodies=bodies, keys=keys, calls=calls)

    def _drop_bodies(self, seq: int, now: float) -> tuple[int, int, bool]:
        """Look at one chunk of contents; gives where it ended, how many went, whether to go on."""
        keep = self._retention
        rows = self._rows("bodies", seq)
        old = [row for row in rows if row[2] <= now - keep.done]
        gone: list[Any] = []
        for row in old:
            _, _, _, ended, pending, dead, _ = row
            if not pending and ended <= now - (keep.dead if dead else keep.done):
                gone.append(row)
        many = self._connection.executemany
        many(_SQL["drop_content"], [(row[0],) for row in gone])
        many(_SQL["drop_attempts"], [(row[1],) for row in gone])
        many(_SQL["stay_skipped"], [(row[1],) for row in gone if row[6]])
        self._shrink()
        more = len(old) == keep.chunk
        return (old[-1][0] if more else seq), len(gone), more

    def _drop_keys(self, after: str, before: float) -> tuple[str, int, bool]:
        rows = self._rows("keys", after)
        old = [row for row in rows if row[1] <= before]
        gone = [(identifier,) for identifier, _, content in old if not content]
        many = self._connection.executemany
        many(_SQL["drop_event"], gone)
        many(_SQL["drop_dead"], gone)
        more = len(old) == self._retention.chunk
        return (old[-1][0] if more else after), len(gone), more

    def _drop_calls(self, now: float) -> tuple[int, bool]:
        """Results go first, keys later; what may or may not have happened is kept."""
        keep, gone, more = self._retention, 0, False
        for name, before in (("drop_result", now - keep.done), ("drop_call", now - keep.keys)):
            count = self._connection.execute(_SQL[name], (before, keep.chunk)).rowcount
            gone += count
            more = more or count == keep.chunk
        return gone, more

    def _rows(self, name: str, after: str | int) -> list[Any]:
        return self._connection.execute(_SQL[name], (after, self._retention.chunk)).fetchall()

    def _shrink(self) -> None:
        execute = self._connection.execute
        free, pages = (
            execute(_SQL["free_pages"]).fetchone()[0],
            execute(_SQL["pages"]).fetchone()[0],
        )
        for _ in range(min(free - pages // _FREE_SHARE, _SHRINK_PAGES)):
            execute(_SQL["vacuum"])  # sqlite3 steps this statement once, which is one page
