"""The store that a URL names. Nobody above `store` names an engine."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.store.engine import StoreEngine
from hardpoint.store.retention import Retention

if TYPE_CHECKING:
    from hardpoint.store.vault import VaultTables

POSTGRES: Final = frozenset({"postgresql", "postgres"})
"""Schemes of URLs that name a database of PostgreSQL."""
NO_DRIVERS: Final = "names PostgreSQL, whose drivers are not installed"
INSTALL: Final = "pip install 'hardpoint[postgres]' 'psycopg[binary]'"
NO_SOCKETS: Final = "names a file that processes share by Unix sockets, which this system lacks"
INSTEAD_OF_WINDOWS: Final = "Run it on Linux or macOS; on Windows, in WSL"


def engine(
    url: str,
    *,
    clock: Clock | None = None,
    listeners: Listeners | None = None,
    retention: Retention | None = Retention(),  # noqa: B008 - frozen
    write_role: str | None = None,
) -> StoreEngine:
    """The store at a URL; nothing is opened yet.

    Args:
        url: `sqlite:` and the path of a file, or `postgresql://...`.
        clock: where time comes from.
        listeners: told of the events in `hardpoint.store.events`.
        retention: how long things are kept; None keeps them for ever.
        write_role: of PostgreSQL, that the application's writes run as; see `PostgresStore`.

    Raises:
        ConfigurationError: no engine goes by this URL, or not on this system; what it needs is not
            installed; or others could listen in on the way to it.
    """
    scheme, _, rest = url.partition(":")
    if scheme in POSTGRES:
        made: StoreEngine = _postgres().PostgresEngine(
            url, clock=clock, listeners=listeners, retention=retention, write_role=write_role
        )
        return made
    if scheme != "sqlite":
        raise ConfigurationError(
            "store.url",
            f"{scheme} is not a store we know",
            fix="Write sqlite:hardpoint.db or postgresql://shop@db/shop",
        )
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigurationError("store.url", NO_SOCKETS, fix=INSTEAD_OF_WINDOWS)
    from hardpoint.store.sqlite.opening import SqliteEngine

    return SqliteEngine(rest, clock=clock, listeners=listeners, retention=retention)


def vault_database(url: str, *, spool: Path, listeners: Listeners | None = None) -> "VaultTables":
    """The vault's tables in the database of a store on PostgreSQL; nothing is opened yet.

    Args:
        url: `postgresql://...`.
        spool: what the folder beside which tokens wait is named after, on this machine.
        listeners: told `VaultUnavailable` and `VaultAvailable`, in any thread.

    Raises:
        ConfigurationError: see `engine`.
    """
    return _postgres().vault_database(url, spool=spool, listeners=listeners)


def _postgres() -> Any:
    """The module that knows PostgreSQL; its drivers are loaded only where they are needed."""
    try:
        from hardpoint.store.postgres import opening
    except ImportError as error:
        raise ConfigurationError("store.url", NO_DRIVERS, fix=INSTALL) from error
    return opening
