"""Where a copy goes: a database that says how far it has come, in the transaction of each part.

Until the copy has ended no process can use the store. So whatever interrupts it, the next run goes
on behind the last part that was committed, or, where the source has changed since, begins anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import msgspec
from psycopg import sql

from hardpoint.core.errors import StoreError
from hardpoint.store.copying.tables import TABLES, VAULT, CopiedTable, Row, written
from hardpoint.store.postgres.schema import COPYING, migrate_blocking

COPIED: Final = "copied"
"""The row of `meta` that says where the store was copied from, and in which state that was."""

_ALONE = "select pg_try_advisory_lock(hashtextextended('hardpoint copy', 0))"
_FACT = "select value from hardpoint.meta where name = %s"
_NOTE = (
    "insert into hardpoint.meta values (%s, %s)"
    " on conflict (name) do update set value = excluded.value"
)
_FORGET = "delete from hardpoint.meta where name = %s"
_SURELY = "set local synchronous_commit = on"
_EVENTUALLY = "set synchronous_commit = off"
_EMPTIED: Final = (*(table.name for table in TABLES), *VAULT)
_LIVING = "select count(*) from hardpoint.process where beat_at > hardpoint.now() - 60"


@final
class CopyRefusedError(StoreError):
    """A safety gate said no; nothing was copied.

    Attributes:
        hint: the way through.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class CopyMark(msgspec.Struct, frozen=True, kw_only=True):
    """How far a copy has come.

    Attributes:
        file: where it comes from.
        boot: of the store there, when this part was written.
        table: which is under way, by its number.
        after: its last row that was written; None before the first.
    """

    file: str
    boot: int | None
    table: int = 0
    after: tuple[Any, ...] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return self.table > 0 or self.after is not None


@final
class CopyTarget:
    """A database of PostgreSQL that a store is copied into.

    Args:
        connection: of psycopg, which commits by itself.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def begin(self, file: str, boot: int | None, alike: Callable[[Any], bool]) -> CopyMark | None:
        """Begin, or go on; gives how far it has come. None: it has ended.

        Args:
            file: where it comes from.
            boot: how often that had been opened.
            alike: whether both sides hold the same. It is asked where a copy has ended and the
                source was opened since: that may have been a run of this that was killed.

        Raises:
            CopyRefusedError: the database holds what did not come from there, or as it was before.
        """
        if not self._connection.execute(_ALONE).fetchone()[0]:
            raise CopyRefusedError(
                "another copy into this database is under way", hint="wait for its end"
            )
        migrate_blocking(self._connection, whole=False)
        self._connection.execute(_EVENTUALLY)
        copied, begun = self._mark(COPIED), self._mark(COPYING)
        now = CopyMark(file=file, boot=boot)
        if copied is not None and copied.file == file:
            known = boot is not None and copied.boot is not None
            if not _next(copied, boot) and not (known and alike(self._connection)):
                raise CopyRefusedError(
                    "the source has been in use since it was copied, and what came is not here",
                    hint="drop schema hardpoint cascade, and copy anew",
                )
            self._write(COPIED, now)
            return None
        if begun is None:
            self._refuse_foreign()
        elif begun.file != file:
            raise CopyRefusedError(
                f"a copy from {begun.file} into this database has begun and not ended",
                hint="end that one, or drop schema hardpoint cascade",
            )
        if begun is not None and _next(begun, boot):
            now = msgspec.structs.replace(begun, boot=boot)
        with self._connection.transaction():
            if not now.begun:
                names = ", ".join(f"hardpoint.{name}" for name in _EMPTIED)
                self._connection.execute(f"truncate {names}")
            self._write(COPYING, now)
        return now

    def add(self, table: CopiedTable, rows: Sequence[Row], mark: CopyMark) -> None:
        """Write a part, with how far it has come then."""
        with self._connection.transaction():
            into = f"copy hardpoint.{table.name} ({table.columns}) from stdin"
            with self._connection.cursor() as cursor, cursor.copy(into) as copy:
                for row in rows:
                    copy.write_row(written(table, row))
            self._write(COPYING, mark)

    def end(
        self,
        mark: CopyMark,
        vault: Mapping[str, tuple[Sequence[str], Sequence[Row]]],
        check: Callable[[Any], object],
    ) -> None:
        """Write the vault's rows, and have the store be whole, if `check` finds it so."""
        with self._connection.transaction():
            self._connection.execute(_SURELY)
            for name, (columns, rows) in vault.items():
                into = sql.SQL("copy {} ({}) from stdin").format(
                    sql.Identifier("hardpoint", name),
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                )
                with self._connection.cursor() as cursor, cursor.copy(into) as copy:
                    for row in rows:
                        copy.write_row(row)
            check(self._connection)
            self._connection.execute(_FORGET, [COPYING])
            self._write(COPIED, mark)
        for name in _EMPTIED:
            self._connection.execute(f"analyze hardpoint.{name}")

    def _refuse_foreign(self) -> None:
        if self._connection.execute(_LIVING).fetchone()[0]:
            raise CopyRefusedError(
                "processes work on the store in this database", hint="stop them, and take another"
            )
        for name in _EMPTIED:
            look = f"select exists (select from hardpoint.{name})"  # noqa: S608 - ours
            if self._connection.execute(look).fetchone()[0]:
                raise CopyRefusedError(
                    f"the database has a store with a content of its own ({name})",
                    hint="copy into a database without one",
                )

    def _mark(self, name: str) -> CopyMark | None:
        row = self._connection.execute(_FACT, [name]).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=CopyMark)

    def _write(self, name: str, mark: CopyMark) -> None:
        self._connection.execute(_NOTE, [name, msgspec.json.encode(mark).decode()])


def _next(mark: CopyMark, boot: int | None) -> bool:
    """Whether nobody but the two runs has opened the source between them."""
    return boot is not None and mark.boot == boot - 1
