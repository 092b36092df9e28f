"""A connection for who operates on the database from a terminal, beside whatever works there."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.store.postgres.address import checked_address
from hardpoint.store.postgres.connections import POOLED, UNPOOLED

_SECONDS = 5
_SETTINGS = """
select
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_read_only', 'off', false)
"""


@contextmanager
def connected(url: str) -> Generator[Any]:
    """A connection that commits by itself, until the block ends.

    Raises:
        StoreUnavailableError: there is none, or it was lost.
        ConfigurationError: others could listen in, or a pooler answers.
    """
    try:
        with psycopg.connect(
            checked_address(url), autocommit=True, prepare_threshold=None, connect_timeout=_SECONDS
        ) as connection:
            found = connection.execute("select pg_backend_pid()").fetchone()
            if found != (connection.info.backend_pid,):
                raise ConfigurationError("store.url", POOLED, fix=UNPOOLED)
            connection.execute(_SETTINGS)
            yield connection
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"the database cannot be used now: {error}") from error
