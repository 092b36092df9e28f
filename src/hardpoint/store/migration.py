"""Bringing a store's tables up to this version: what it would do, and doing it."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Final, NamedTuple

from hardpoint.store.opening import engine
from hardpoint.store.statements import schema_names

TRIES: Final = 30
"""Each waits two seconds for whoever holds a table, and lets others go before it meanwhile."""


class MigrationPlan(NamedTuple):
    """What is to be done.

    Attributes:
        engine: `sqlite` or `postgresql`.
        found: the version of the tables; 0 where there are none yet.
        wanted: this version's.
        steps: what is to be carried out, in order.
    """

    engine: str
    found: int
    wanted: int
    steps: tuple[str, ...]


def migration_plan(url: str) -> MigrationPlan:
    """Look, and change nothing.

    Raises:
        StoreCorruptError: not a store of ours, or of a newer version.
        StoreUnavailableError: it cannot be reached.
        ConfigurationError: no engine goes by this URL.
    """
    if url.partition(":")[0] == "sqlite":
        return _plan_of_file(Path(url.partition(":")[2]))
    engine(url)  # says what is wrong with it
    from hardpoint.store.postgres.beside import connected
    from hardpoint.store.postgres.schema import VERSION, version_blocking

    with connected(url) as connection:
        found = version_blocking(connection)
    return _plan("postgresql", found, VERSION, "hardpoint.store.postgres")


def migrate_store(
    url: str,
    *,
    reached: Callable[[int], object] = int,
    waiting: Callable[[str], object] = str,
    pause: Callable[[float], object] = sleep,
) -> None:
    """Carry the plan out on PostgreSQL; processes that work there go on meanwhile.

    Args:
        url: of the database, for a role that may change the tables.
        reached: told each version, once it is durable.
        waiting: told when somebody's transaction is in the way.
        pause: waits so many seconds.

    Raises:
        StoreCorruptError, StoreUnavailableError, ConfigurationError: see `migration_plan`.
    """
    from hardpoint.store.postgres.beside import connected
    from hardpoint.store.postgres.schema import TableHeldError, migrate_blocking

    left = TRIES
    with connected(url) as connection:
        while True:
            try:
                migrate_blocking(connection, done=reached, whole=False)
            except TableHeldError as error:
                left -= 1
                if not left:
                    raise
                waiting(str(error))
                pause(1.0)
            else:
                return


def _plan_of_file(path: Path) -> MigrationPlan:
    from hardpoint.store.sqlite.reader import SqliteReader
    from hardpoint.store.sqlite.schema import VERSION

    found = 0
    if path.exists():
        with closing(SqliteReader(path)) as reader:
            found = reader.version
    return _plan("sqlite", found, VERSION, "hardpoint.store.sqlite")


def _plan(kind: str, found: int, wanted: int, package: str) -> MigrationPlan:
    return MigrationPlan(kind, found, wanted, schema_names(package)[found:])
