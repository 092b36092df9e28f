"""The vault's SQLite file: a rollback journal, so that several processes may open it.

Each transaction has a connection of its own: threads share nothing, and nothing is carried over a
fork, which waits until none is open. They are short, none is open while somebody waits for a
network, and each is synced to disk.
"""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, final

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import undivided
from hardpoint.runtime.clocks import Timekeeper
from hardpoint.store.events import VaultAvailable, VaultExposed, VaultUnavailable
from hardpoint.store.sqlite.files import (
    WriteFault,
    create_private,
    fault_of,
    inode_of,
    refuse_misfit,
    refuse_unlike,
)
from hardpoint.store.sqlite.guard import refuse_interrupted
from hardpoint.store.sqlite.schema import script_statements
from hardpoint.store.statements import schema_scripts, statements
from hardpoint.store.vault.rows import VaultRows

PACKAGE: Final = "hardpoint.store.vault"
APPLICATION_ID: Final = 0x68705661
"""`hpVa`, in the file's header."""

_SETTINGS = (
    "journal_mode = truncate",  # its end is synced, which a deleted journal's is not under `full`
    "synchronous = full",
    "fullfsync = on",  # macOS: without it a sync stops at the drive's cache
    "secure_delete = on",
    "trusted_schema = off",
    "temp_store = memory",
)


@final
class VaultFile:
    """The file.

    Args:
        path: made with mode 0600 when missing.
        busy: seconds to wait for a lock that somebody else holds.
        listeners: told `VaultUnavailable`, `VaultAvailable` and `VaultExposed`, in any thread.
        connect: opens a connection, `sqlite3.connect` if nothing is said; a test's may fail.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        busy: float = 5.0,
        listeners: Listeners | None = None,
        connect: Callable[..., sqlite3.Connection] | None = None,
    ) -> None:
        self.path = Path(path).resolve()
        self._busy = busy
        self._connect = connect or sqlite3.connect
        self._listeners = Listeners() if listeners is None else listeners
        self._failing = False
        self._inode: tuple[int, int] | None = None

    def timed(self, clock: Timekeeper) -> Timekeeper:
        """The machine's own: all who have the file open share it."""
        return clock

    def open(self) -> None:
        """Find the tables, make them, or bring them up to this version.

        Raises:
            StoreUnavailableError: not now.
            StoreCorruptError: it is not a vault, is damaged, or of a newer version.
        """
        create_private(self.path)
        refuse_misfit(self.path)
        self._refuse_open_to_others()
        with self._connected() as connection:
            connection.execute("begin immediate")
            self._migrate(connection)
            connection.execute("commit")
        self._inode = inode_of(self.path)

    @contextmanager
    def transaction(self) -> Generator[VaultRows]:
        """One durable transaction: all of it, or, when the block raises, nothing.

        Raises:
            StoreUnavailableError: not now; nothing was written.
            StoreCorruptError: the file is damaged.
        """
        with self._connected() as connection:
            connection.execute("begin immediate")
            yield VaultRows(connection, vault_sql())
            connection.execute("commit")
        if self._failing:
            self._failing = False
            self._listeners.emit(VaultAvailable())

    @contextmanager
    def reading(self) -> Generator[VaultRows]:
        """A look at one state of the file.

        Raises:
            StoreUnavailableError, StoreCorruptError: see `transaction`.
        """
        with self._connected() as connection:
            connection.execute("begin")
            yield VaultRows(connection, vault_sql())
            connection.execute("rollback")

    def close(self) -> None:
        """Nothing is kept between transactions."""

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        if self._inode is not None and inode_of(self.path) != self._inode:
            gone = f"{self.path} was moved, deleted or replaced while it was in use; start again"
            raise self._told(StoreUnavailableError(gone))
        refuse_interrupted(self.path)
        try:
            with undivided():
                connection = self._connect(self.path, isolation_level=None, timeout=self._busy)
                try:
                    for setting in _SETTINGS:
                        connection.execute(f"pragma {setting}")
                    yield connection
                finally:
                    connection.close()  # rolls back what was not committed
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> StoreError:
        if fault_of(error) is WriteFault.DATA:
            return StoreError(f"{self.path}: {error}")
        return self._told(refuse_unlike(error, self.path))

    def _refuse_open_to_others(self) -> None:
        """Nobody else may write the file, or put tokens beside it; who may read it is told.

        What it holds is sealed, but a copy can be tried at leisure, and sessions stand in it too.
        """
        for path in (self.path, Path(f"{self.path}.spool")):
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
            fix = f"chmod go= {path}"
            if mode & 0o022:
                raise StoreUnavailableError(f"{path} may be written by others: {fix}")
            if mode & 0o077:
                self._listeners.emit(VaultExposed(path=str(path), fix=fix))

    def _told(self, trouble: StoreError) -> StoreError:
        """Told once: who signs in or refreshes meanwhile meets the same."""
        if not self._failing:
            self._failing = True
            self._listeners.emit(VaultUnavailable(reason=str(trouble)))
        return trouble

    def _migrate(self, connection: sqlite3.Connection) -> None:
        scripts = schema_scripts(PACKAGE)
        application = connection.execute("pragma application_id").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if tables and application != APPLICATION_ID:
            raise StoreCorruptError(f"{self.path} is not a vault of hardpoint; name another file")
        if version > len(scripts):
            raise StoreCorruptError(
                f"{self.path} was written by a newer hardpoint; upgrade, or restore a backup"
            )
        for script in scripts[version:]:
            for statement in script_statements(script):
                connection.execute(statement)
        if version < len(scripts):  # a vault that is as it should be is not written to
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute(f"pragma user_version = {len(scripts)}")


@cache
def vault_sql() -> dict[str, str]:
    """The statements on a vault's tables, as its file takes them."""
    return {
        **statements("vault", PACKAGE),
        **statements("signin", PACKAGE),
        **statements("api_keys", PACKAGE),
    }
