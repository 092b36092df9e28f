"""The store's tables: found, made, or brought up to this version."""

import sqlite3
from functools import cache
from pathlib import Path

from hardpoint.core.errors import StoreCorruptError
from hardpoint.store.statements import schema_scripts

VERSION = 5

_OURS = "select count(*) from sqlite_master where name like 'hardpoint\\_%' escape '\\'"


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the store in a file; 0 when there is none yet. Writes nothing.

    A database with tables of the application's own is welcome: its writes can then share a
    transaction with ours.

    Raises:
        StoreCorruptError: of a newer version, or tables that only look like ours.
    """
    if connection.execute(_OURS).fetchone()[0] == 0:
        return 0
    try:
        row = connection.execute(
            "select value from hardpoint_meta where name = 'schema'"
        ).fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None or not isinstance(row[0], int) or row[0] < 1:
        raise StoreCorruptError(
            f"{path} has hardpoint_ tables that hardpoint did not make; name another file"
        )
    if row[0] > VERSION:
        raise StoreCorruptError(
            f"{path} was written by a newer hardpoint (schema {row[0]}, this one knows {VERSION}); "
            "upgrade hardpoint, or restore a backup made before the upgrade"
        )
    return row[0]


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from `version` up to this one; belongs in a transaction."""
    for step in _steps()[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("insert or replace into hardpoint_meta values ('schema', ?)", (VERSION,))


def next_boot(connection: sqlite3.Connection) -> int:
    """Count this opening; leases carry its number."""
    row = connection.execute(
        "insert into hardpoint_meta values ('boot', 1)"
        " on conflict (name) do update set value = value + 1 returning value"
    ).fetchone()
    return row[0]


@cache
def _steps() -> tuple[tuple[str, ...], ...]:
    return tuple(script_statements(script) for script in schema_scripts())


def script_statements(script: str) -> tuple[str, ...]:
    """A script's statements; `executescript` would commit the transaction they belong to."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return tuple(found)
