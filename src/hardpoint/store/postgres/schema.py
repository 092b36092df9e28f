"""The tables: found, made, or brought up to this version.

Versions next to each other run together, so that workers can be replaced one by one: a step only
adds. The tables say which is the oldest version that can still work with them. Each step is a
transaction of its own, and gives way to whoever holds a table: a step that waited for long would
have everybody else wait behind it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import asyncpg
import psycopg

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.store.statements import schema_scripts

VERSION: Final = 6
_OLDEST: Final = 4
"""The version from which on hardpoint can work with the tables as this one leaves them."""

COPYING: Final = "copying"
"""The row of `meta` that is there while a copy into this store has not ended."""

_SHOWN: Final = 3
_LOCK = "select pg_advisory_xact_lock(hashtextextended('hardpoint schema', 0))"
_BRIEFLY = "set local lock_timeout = '2s'"
# By the catalogues' rows: `to_regclass` may remember what was not there before the lock was had.
TABLES = """
select
    exists (
        select from pg_catalog.pg_tables where schemaname = 'hardpoint' and tablename = 'meta'
    ) as ours,
    exists (select from pg_catalog.pg_namespace where nspname = 'hardpoint') as schema
"""
FACTS = "select name, value from hardpoint.meta"
# What this role lacks to work on the tables; of `meta` only a migration writes.
RIGHTS = """
select current_user::text as role, array(
    select 'usage on schema hardpoint' from pg_catalog.pg_namespace n
    where n.nspname = 'hardpoint' and not has_schema_privilege(n.oid, 'usage')
    union all
    select wanted || ' on hardpoint.' || c.relname
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'hardpoint'
    cross join unnest(array['select', 'insert', 'update', 'delete']) wanted
    where c.relkind in ('r', 'p') and (c.relname <> 'meta' or wanted = 'select')
        and not has_table_privilege(c.oid, wanted)
) as lacks
"""
_NOTE = (
    "insert into hardpoint.meta values ('{}', '{}')"
    " on conflict (name) do update set value = excluded.value"
)


def version_of(facts: Mapping[str, str], *, ours: bool, schema: bool) -> int:
    """The version of the tables; 0 when there are none.

    Args:
        facts: what the tables say of themselves.
        ours: whether there is a table that says so.
        schema: whether there is a schema of our name.

    Raises:
        StoreCorruptError: of a version too new for this one, or a schema that only looks like ours.
    """
    if not schema:
        return 0
    found = facts.get("schema", "")
    if not ours or not found.isdigit() or int(found) < 1:
        raise StoreCorruptError(
            "the database has a schema `hardpoint` that hardpoint did not make: take another"
        )
    if int(found) > VERSION and int(facts.get("oldest", found)) > VERSION:
        raise StoreCorruptError(
            f"the database was written by a newer hardpoint (schema {found}, this one knows "
            f"{VERSION}); upgrade hardpoint, or restore a backup made before the upgrade"
        )
    return int(found)


class TableHeldError(StoreUnavailableError):
    """A table that is to be changed is held by somebody's transaction."""


async def migrate(connection: Any) -> str:
    """Bring the tables up to this version; of many processes that start at once, one does it.

    Returns:
        What the store goes by.

    Raises:
        StoreCorruptError: of a newer version, or not ours.
        StoreUnavailableError: this role may not, or a copy has not ended.
        TableHeldError: somebody is in the way.
    """
    try:
        while (found := await _version(connection)) < VERSION:
            async with connection.transaction():
                await connection.execute(_LOCK)
                await connection.execute(_BRIEFLY)
                if await _version(connection) == found:
                    await connection.execute(_step(found))
    except asyncpg.InsufficientPrivilegeError as error:
        _refuse_lacking(await connection.fetchrow(RIGHTS))
        raise _not_allowed(error) from error
    except asyncpg.LockNotAvailableError as error:
        raise _held(error) from error
    _refuse_lacking(await connection.fetchrow(RIGHTS))
    refuse_unfinished({row["name"]: row["value"] for row in await connection.fetch(FACTS)})
    return await connection.fetchval("select hardpoint.store()")


def migrate_blocking(
    connection: Any, *, done: Callable[[int], object] = int, whole: bool = True
) -> None:
    """The same with a connection of psycopg's that commits by itself.

    Args:
        connection: of psycopg.
        done: told each version that was reached.
        whole: refuse a store that a copy has not finished.

    Raises:
        StoreCorruptError, StoreUnavailableError, TableHeldError: see `migrate`.
    """
    try:
        while (found := version_blocking(connection)) < VERSION:
            with connection.transaction():
                connection.execute(_LOCK)
                connection.execute(_BRIEFLY)
                if version_blocking(connection) == found:
                    connection.execute(_step(found))
            done(found + 1)
    except psycopg.errors.InsufficientPrivilege as error:
        _refuse_lacking(connection.execute(RIGHTS).fetchone())
        raise _not_allowed(error) from error
    except psycopg.errors.LockNotAvailable as error:
        raise _held(error) from error
    if whole:
        refuse_unfinished(dict(connection.execute(FACTS).fetchall()))


def version_blocking(connection: Any) -> int:
    """The version of the tables, looked up with psycopg; 0 when there are none.

    Raises:
        StoreCorruptError: of a newer version, or not ours.
    """
    ours, schema = connection.execute(TABLES).fetchone()
    facts = dict(connection.execute(FACTS).fetchall()) if ours else {}
    return version_of(facts, ours=ours, schema=schema)


def refuse_unfinished(facts: Mapping[str, str]) -> None:
    """Refuse a store that holds a part of another.

    Raises:
        StoreUnavailableError: a copy into it has begun and not ended.
    """
    if COPYING in facts:
        raise StoreUnavailableError(
            "a copy into this database has begun and not ended: run `hardpoint store copy` again"
        )


async def _version(connection: Any) -> int:
    ours, schema = await connection.fetchrow(TABLES)
    rows = await connection.fetch(FACTS) if ours else ()
    return version_of({row["name"]: row["value"] for row in rows}, ours=ours, schema=schema)


def _step(found: int) -> str:
    """From one version to the next, and what the tables say of themselves then."""
    notes = (_NOTE.format("schema", found + 1), _NOTE.format("oldest", _OLDEST))
    return ";\n".join(
        (schema_scripts("hardpoint.store.postgres")[found].rstrip().rstrip(";"), *notes)
    )


def _not_allowed(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(
        "the database has no tables of this version, and this role may not make them: run "
        f"`hardpoint store migrate --url ...` with a role that may ({error})"
    )


def _refuse_lacking(found: tuple[str, list[str]]) -> None:
    """Refuse to go on where this role may not do what the store does."""
    role, lacks = found
    if lacks:
        more = f" and {len(lacks) - _SHOWN} more" if len(lacks) > _SHOWN else ""
        raise StoreUnavailableError(
            f"the role {role} may not work on the store: it lacks {', '.join(lacks[:_SHOWN])}{more}"
            f". As the owner: grant usage on schema hardpoint to {role}; "
            f"grant select, insert, update, delete on all tables in schema hardpoint to {role}"
        )


def _held(error: Exception) -> TableHeldError:
    return TableHeldError(
        "a table that is to be changed is held by somebody's transaction: try again, or run "
        f"`hardpoint store migrate`, which waits ({error})"
    )
