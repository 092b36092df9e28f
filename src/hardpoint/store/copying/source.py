"""Where a copy comes from: a store in SQLite that nobody else has, or a look at one in use."""

import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, final
from urllib.parse import quote

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.copying.tables import PLACE, SELECT, CopiedTable, Row
from hardpoint.store.copying.target import CopyRefusedError
from hardpoint.store.sqlite.files import inode_of
from hardpoint.store.sqlite.schema import VERSION, version_of
from hardpoint.store.sqlite.store import SqliteStore
from hardpoint.store.vault.file import VaultFile

_HELD = "select count(*) from hardpoint_call where holder is not null and doubted_at is null"


class CopyOrigin(NamedTuple):
    """Which file it is, and in which state.

    Attributes:
        file: its path, and its inode.
        boot: how often it had been opened; None while it is in use: it may change at any time.
    """

    file: str
    boot: int | None


@final
class CopySource:
    """One state of a store, and of its vault, read without touching it."""

    def __init__(
        self,
        origin: CopyOrigin,
        connection: sqlite3.Connection,
        vault: sqlite3.Connection | None,
    ) -> None:
        self.origin = origin
        self.connection = connection
        self.vault = vault

    def total(self, table: CopiedTable) -> int:
        """How many rows there are."""
        count = f"select count(*) from hardpoint_{table.name}"  # noqa: S608 - ours
        return self.connection.execute(count).fetchone()[0]

    def rows(self, table: CopiedTable, after: Row | None) -> Iterator[Row]:
        """All that stand behind a place, in order."""
        place = zip_longest(PLACE, after or ())
        return self.connection.execute(SELECT[table.name], dict(place))


@contextmanager
def taken(
    path: Path, vault: Path | None, *, running: bool, patience: float
) -> Generator[CopySource]:
    """A store that cannot change until the block ends.

    Args:
        path: of its file.
        vault: of the vault's.
        running: another process may have it: then it is one state of it, and no more.
        patience: seconds to wait for calls that other processes make.

    Raises:
        CopyRefusedError: another process has it.
        StoreUnavailableError: there is none.
        StoreCorruptError: not a store of ours, or of a newer version.
    """
    path = path.resolve()
    if not path.is_file():
        raise StoreUnavailableError(f"{path} does not exist")
    if running:
        with _looked_at(path, vault, own=False) as source:
            yield source
        return
    store = SqliteStore(path, retention=None)
    try:
        store.open_blocking()  # takes over from the dead, and nobody else gets in
    except StoreUnavailableError as error:
        raise CopyRefusedError(
            f"the source cannot be taken: {error}",
            hint="stop what serves from it; or add --running, for a rehearsal",
        ) from error
    try:
        _await_calls(path, patience)
        with _looked_at(path, vault, own=True) as source:
            yield source
    finally:
        store.close_blocking()


def _await_calls(path: Path, patience: float) -> None:
    """See that nobody makes a call: what the dead have begun is found out within seconds."""
    until = monotonic() + patience
    with closing(_connected(path)) as connection:
        while held := connection.execute(_HELD).fetchone()[0]:
            if monotonic() > until:
                raise CopyRefusedError(
                    f"{held} calls are being made by other processes, under keys of this store",
                    hint="wait until they have ended",
                )
            sleep(0.1)


@contextmanager
def _looked_at(path: Path, vault: Path | None, *, own: bool) -> Generator[CopySource]:
    with closing(_connected(path)) as connection:
        connection.execute("begin")
        version = version_of(connection, path)
        if version != VERSION:
            raise StoreUnavailableError(
                f"{path} is of an older version (schema {version}): start this hardpoint on it once"
            )
        boot = connection.execute(
            "select value from hardpoint_meta where name = 'boot'"
        ).fetchone()[0]
        _, inode = inode_of(path) or (0, 0)
        origin = CopyOrigin(f"{path} ({inode})", boot if own else None)
        if vault is None:
            yield CopySource(origin, connection, None)
            return
        if not vault.is_file():
            raise StoreUnavailableError(f"{vault} does not exist")
        VaultFile(vault).open()
        with closing(_connected(vault)) as of_vault:
            of_vault.execute("begin")
            yield CopySource(origin, connection, of_vault)


def _connected(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None)
