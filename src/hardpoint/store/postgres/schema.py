"""The tables: found, made, or brought up to this version."""

from typing import Any

from hardpoint.core.errors import StoreCorruptError
from hardpoint.store.statements import schema_scripts

VERSION = 4

_LOCK = "select pg_advisory_xact_lock(hashtextextended('hardpoint schema', 0))"
# By the catalogues' rows: `to_regclass` may remember what was not there before the lock was had.
TABLES = """
select
    exists (
        select from pg_catalog.pg_tables where schemaname = 'hardpoint' and tablename = 'meta'
    ) as ours,
    exists (select from pg_catalog.pg_namespace where nspname = 'hardpoint') as schema
"""
READ = "select value from hardpoint.meta where name = 'schema'"
_WRITE = (
    "insert into hardpoint.meta values ('schema', $1)"
    " on conflict (name) do update set value = excluded.value"
)


def checked_version(found: str | None, *, ours: bool, schema: bool) -> int:
    """The version of the tables; 0 when there are none.

    Args:
        found: what the tables say.
        ours: whether there is a table that says so.
        schema: whether there is a schema of our name.

    Raises:
        StoreCorruptError: of a newer version, or a schema that only looks like ours.
    """
    if not schema:
        return 0
    if not ours or found is None or not found.isdigit() or int(found) < 1:
        raise StoreCorruptError(
            "the database has a schema `hardpoint` that hardpoint did not make: take another"
        )
    if int(found) > VERSION:
        raise StoreCorruptError(
            f"the database was written by a newer hardpoint (schema {found}, this one knows "
            f"{VERSION}); upgrade hardpoint, or restore a backup made before the upgrade"
        )
    return int(found)


async def migrate(connection: Any) -> str:
    """Bring the tables up to this version; of many processes that start at once, one does it.

    Returns:
        What the store goes by.

    Raises:
        StoreCorruptError: of a newer version, or not ours.
    """
    if await _version(connection) < VERSION:
        await _bring_up(connection)
    return await connection.fetchval("select hardpoint.store()")


async def _bring_up(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute(_LOCK)
        version = await _version(connection)
        for script in schema_scripts("hardpoint.store.postgres")[version:]:
            await connection.execute(script)
        await connection.execute(_WRITE, str(VERSION))


def migrate_blocking(connection: Any) -> None:
    """The same with a connection of psycopg's that commits by itself.

    Raises:
        StoreCorruptError: of a newer version, or not ours.
    """
    with connection.transaction():
        connection.execute(_LOCK)
        ours, schema = connection.execute(TABLES).fetchone()
        found = connection.execute(READ).fetchone() if ours else None
        version = checked_version(found[0] if found else None, ours=ours, schema=schema)
        for script in schema_scripts("hardpoint.store.postgres")[version:]:
            connection.execute(script)
        if version < VERSION:
            connection.execute(_WRITE.replace("$1", "%s"), (str(VERSION),))


async def _version(connection: Any) -> int:
    ours, schema = await connection.fetchrow(TABLES)
    found = await connection.fetchval(READ) if ours else None
    return checked_version(found, ours=ours, schema=schema)
