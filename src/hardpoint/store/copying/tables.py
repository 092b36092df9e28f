"""What is copied, and what a row of SQLite becomes in PostgreSQL.

An event's key becomes a hash of it, as does a call's. Text is kept as every engine keeps it.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hardpoint.store.keys import dedupe_hash, storable
from hardpoint.store.statements import statements

PACKAGE: Final = "hardpoint.store.copying"
SELECT: Final = statements("copy", PACKAGE)
PLACE: Final = ("first", "second", "third")
"""What statements call the keys of the row behind which they begin; all are null at first."""

Row = tuple[Any, ...]


class CopiedTable(NamedTuple):
    """A table that is copied in parts, in the order of its keys.

    Attributes:
        name: its name, in PostgreSQL; it is that of the statement that reads it, too.
        keys: how many columns of a row that is read say where it stands.
        columns: those that are written.
        made: a row that is read, as it is written.
    """

    name: str
    keys: int
    columns: str
    made: Callable[[Row], Row]


def _event(row: Row) -> Row:
    identifier, source, key, *seen = row
    asserted, body_sha256, quarantine = seen[3], seen[7], seen[9]
    claims = asserted and quarantine is None
    return (
        identifier,
        dedupe_hash(source, key),
        dedupe_hash(source, body_sha256.hex()) if claims else None,
        source,
        *seen[:3],
        bool(asserted),
        *seen[4:],
    )


def _job(row: Row) -> Row:
    return *row[:7], bool(row[7])


def _call(row: Row) -> Row:
    scope, key, *began = row
    cleared, ended_at, subject, result = began[7:]
    return (
        dedupe_hash(scope, key),
        scope,
        key,
        *began[:7],
        bool(cleared),
        ended_at,
        None if subject is None else dedupe_hash(scope, subject),
        result,
    )


def _audit(row: Row) -> Row:
    return row[1:]  # its numbers are the database's own


def _as_it_is(row: Row) -> Row:
    return row


TABLES: Final = (
    CopiedTable(
        "event",
        1,
        "id, dedupe, claim, source, vendor_id, type, account, asserted, received_at, signed_at,"
        " correlation_id, body_sha256, body_bytes, quarantine, handlers",
        _event,
    ),
    CopiedTable("content", 1, "event, headers, body", _as_it_is),
    CopiedTable("job", 2, "event, handler, lane, run_at, fence, failures, crashes, suspect", _job),
    CopiedTable(
        "attempt",
        3,
        "event, handler, number, started_at, ended_at, outcome, error, place",
        _as_it_is,
    ),
    CopiedTable(
        "dead",
        2,
        "event, handler, fence, at, reason, failures, crashes, error, place",
        _as_it_is,
    ),
    CopiedTable(
        "call",
        2,
        "name, scope, key, fingerprint, likeness, event, handler, attempt, started_at, doubted_at,"
        " cleared, ended_at, subject, result",
        _call,
    ),
    CopiedTable("refused", 3, "source, reason, minute, count", _as_it_is),
    CopiedTable("audit", 1, "at, actor, action, target, reason", _audit),
)
"""In this order."""

VAULT: Final = (
    *("connection", "credential", "key", "client", "flow", "session"),
    *("api_key", "nonce"),
)
"""Tables that are the same in a vault's file, and copied at once, at the end."""


def written(table: CopiedTable, row: Row) -> Row:
    """A row as it is written."""
    return tuple(storable(one) if isinstance(one, str) else one for one in table.made(row))
