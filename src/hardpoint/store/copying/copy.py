"""A copy from SQLite to PostgreSQL: part by part, and at the end counted on both sides."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hardpoint.core.errors import ConfigurationError, StoreError
from hardpoint.store.copying.source import CopySource, taken
from hardpoint.store.copying.tables import PACKAGE, SELECT, TABLES, VAULT, Row
from hardpoint.store.copying.target import CopyTarget
from hardpoint.store.keys import storable
from hardpoint.store.postgres.beside import connected
from hardpoint.store.statements import statements

PART_ROWS: Final = 1_000
PART_BYTES: Final = 16 << 20
"""Of text and bodies; what is larger goes alone."""

CALLS_SECONDS: Final = 6.0

_COUNTS: Final = statements("counts", PACKAGE)
_OF_VAULT: Final = statements("vault", PACKAGE)
_OF_SOURCE: Final = {**_COUNTS, "jobs": SELECT["jobs"], "bodies": SELECT["bodies"]}
_TABLE: Final = re.compile(r"\bhardpoint_(\w+)")

CopyProgress = Callable[[str, int, int], object]
"""Told of a table: how many rows are done, and how many there are."""


class StoreCount(NamedTuple):
    """How many there are of one kind, in one state."""

    kind: str
    state: str
    rows: int


class CopyReport(NamedTuple):
    """What became of a copy.

    Attributes:
        counts: what is there, the same on both sides.
        resumed: it went on where an earlier one had been interrupted.
        finished: an earlier one had ended; nothing was done.
    """

    counts: Sequence[StoreCount]
    resumed: bool
    finished: bool


def copy_store(
    source: str,
    target: str,
    *,
    vault: Path | None = None,
    running: bool = False,
    patience: float = CALLS_SECONDS,
    progress: CopyProgress | None = None,
) -> CopyReport:
    """Copy a store with all that it holds.

    Args:
        source: `sqlite:...`; nothing is written into it but that it was opened.
        target: `postgresql://...`, with no store in it yet, or with a part of this one.
        vault: the file of its vault, if that is to go along.
        running: let other processes use the source meanwhile; what comes later is not copied.
        patience: seconds to wait for calls that other processes make; those of the dead are found
            out meanwhile.
        progress: told how far it has come.

    Raises:
        CopyRefusedError: the source is in use, or the target holds something else.
        StoreUnavailableError, StoreCorruptError: one of them cannot be used.
        StoreError: the two do not count the same; the target stays unusable.
        ConfigurationError: a URL of another kind.
    """
    kind, _, path = source.partition(":")
    if kind != "sqlite":
        raise ConfigurationError(
            "FROM", "is not a store in SQLite", fix="Write sqlite:hardpoint.db"
        )
    if not target.startswith("postgres"):
        raise ConfigurationError(
            "TO", "is not a database of PostgreSQL", fix="Write postgresql://shop@db.example/shop"
        )
    with (
        taken(Path(path), vault, running=running, patience=patience) as store,
        connected(target) as connection,
    ):
        return _copied(store, connection, progress)


def _copied(store: CopySource, connection: Any, progress: CopyProgress | None) -> CopyReport:
    into = CopyTarget(connection)

    def counted(connection: Any) -> tuple[list[StoreCount], list[StoreCount]]:
        """What is here, and there."""
        here = _counted(store.connection.execute, _OF_SOURCE)
        if store.vault is not None:
            here = sorted([*here, *_counted(store.vault.execute, _OF_VAULT)])
        return here, _counted(connection.execute, _there(vault=store.vault is not None))

    def alike(connection: Any) -> bool:
        here, there = counted(connection)
        return here == there

    mark = into.begin(*store.origin, alike)
    if mark is None:
        return CopyReport(_counted(connection.execute, _there(vault=True)), False, True)
    for number, table in enumerate(TABLES[mark.table :], mark.table):
        after = mark.after if number == mark.table else None
        total, done = store.total(table), 0
        for rows in _parts(store.rows(table, after)):
            last = rows[-1][: table.keys]
            into.add(table, rows, msgspec.structs.replace(mark, table=number, after=last))
            done += len(rows)
            if progress is not None:
                progress(table.name, done, total)
    counts: list[StoreCount] = []

    def check(connection: Any) -> None:
        here, there = counted(connection)
        if here != there:
            wrong = sorted({one.kind for one in set(here).symmetric_difference(there)})
            raise StoreError(f"the copy is not what was copied: {', '.join(wrong)} differ")
        counts.extend(here)

    into.end(msgspec.structs.replace(mark, table=0, after=None), _vault_rows(store), check)
    return CopyReport(counts, mark.begun, False)


def _there(*, vault: bool) -> Mapping[str, str]:
    named = {**_COUNTS, **_OF_VAULT} if vault else _COUNTS
    return {name: _TABLE.sub(r"hardpoint.\1", text) for name, text in named.items()}


def _counted(execute: Callable[[str], Any], named: Mapping[str, str]) -> list[StoreCount]:
    return sorted(
        StoreCount(name.replace("_", " "), storable(state), int(count))
        for name, text in named.items()
        for state, count in execute(text).fetchall()
        if count
    )


def _vault_rows(store: CopySource) -> dict[str, tuple[list[str], list[Row]]]:
    if store.vault is None:
        return {}
    found: dict[str, tuple[list[str], list[Row]]] = {}
    for name in VAULT:
        cursor = store.vault.execute(f"select * from hardpoint_{name}")  # noqa: S608 - ours
        found[name] = [one[0] for one in cursor.description], cursor.fetchall()
    return found


def _parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(one) for one in row if isinstance(one, str | bytes))
        if len(part) == PART_ROWS or size > PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
