"""The engine that a URL `postgresql://...` names: the store with its journal, reader and blocks."""

from pathlib import Path
from typing import Any, final

from hardpoint.core.errors import StoreError, UnsupportedError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import Lease
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.postgres.address import checked_address
from hardpoint.store.postgres.joining import PostgresBlock
from hardpoint.store.postgres.reader import PostgresReader
from hardpoint.store.postgres.shared import PostgresShared
from hardpoint.store.postgres.store import PostgresStore
from hardpoint.store.postgres.targets import block_target
from hardpoint.store.postgres.vault import VaultDatabase


@final
class PostgresEngine(PostgresStore):
    """A `StoreEngine` in one PostgreSQL database; see `PostgresStore` for the arguments.

    Attributes:
        shared: the same as one process of several uses it.
    """

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.shared = PostgresShared(self)

    def journal(self, *, blocking: bool = False) -> StoreJournal:
        """Where calls are written down; see `StoreEngine`."""
        return StoreJournal(self, blocking=blocking)

    def reader(self) -> PostgresReader:
        """Looks into the database without touching it; see `StoreEngine`."""
        return PostgresReader(self.url, retention=self.retention, write_role=self.write_role)

    def complete_in(self, lease: Lease, target: Any, *, started_at: float) -> PostgresBlock:
        """See `PostgresBlock`; without a target on a connection that is lent."""
        given = self.lent() if target is None else block_target(target)
        return PostgresBlock(self, lease, given, started_at=started_at)

    def connect(self, *, timeout: float = 5.0, **options: Any) -> Any:
        """None is made here: any driver's own do.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            "hub.connect() is for a store in SQLite; on PostgreSQL connect with asyncpg, psycopg "
            "or SQLAlchemy, as the application does anyway"
        )

    def prepare_engine(self, engine: Any) -> None:
        """Nothing needs to be done to it.

        Raises:
            StoreError: its database is not PostgreSQL.
        """
        dialect = getattr(engine, "sync_engine", engine).dialect.name
        if dialect != "postgresql":
            raise StoreError(f"the engine is for {dialect}, and the store is PostgreSQL")


def vault_database(url: str, *, spool: Path, listeners: Listeners | None = None) -> VaultDatabase:
    """The vault's tables in the database; see `VaultDatabase`.

    Raises:
        ConfigurationError: others could listen in on the way to the database.
    """
    return VaultDatabase(checked_address(url), spool=spool, listeners=listeners)
