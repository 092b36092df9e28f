"""The inbox and the worker of the other tests, over a store on PostgreSQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.postgres.conftest import (  # noqa: F401 - fixtures
    Database,
    DatabaseClock,
    database,
    postgres_server,
)
from tests.webhooks.conftest import Rig

from hardpoint.store.postgres.joining import PostgresBlock
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.reader import PostgresReader
from hardpoint.store.postgres.store import PostgresStore
from hardpoint.testing.clock import ManualClock


class PostgresRig(Rig):
    """The same over a database, whose clock moves when told."""

    database: Database

    def make_clock(self) -> Any:
        self.database.clock = ManualClock()
        self.database.set_clock()
        return DatabaseClock(self.database)

    def make_store(self, path: Path) -> PostgresStore:
        limits = PostgresLimits(expires=60.0, poll=20.0)
        store = PostgresStore(self.database.url, clock=self.clock, limits=limits, retention=None)
        self.clock.stores.append(store)
        return store

    def complete_in(self, *arguments: Any, **options: Any) -> Any:
        return PostgresBlock(self.store, *arguments, **options)

    def reader(self) -> PostgresReader:
        return PostgresReader(self.database.url)


@pytest.fixture
def rig(database: Any, tmp_path: Path) -> Callable[..., PostgresRig]:  # noqa: F811 - the fixture
    """Makes rigs on one database."""
    database.reset()

    def make(**options: Any) -> PostgresRig:
        made = type("DatabaseRig", (PostgresRig,), {"database": database})
        return made(tmp_path, **options)

    return make


SQL_OF_SQLITE = (
    "a_write_that_loses_the_transaction",
    "a_transaction_on_another_file",
    "writes_are_made_with_the_completion_once",
    "a_write_that_raises_undoes_them_all",
    "a_lost_lease_refuses_the_late_completion",
    "a_handler_that_completed_in_its_own_transaction",
    "a_handler_whose_own_transaction_was_rolled_back",
    "a_thread_that_was_given_up_cannot_complete",
    "what_a_handler_raises_after_its_completion",
    "a_write_that_fails_is_placed_in_the_write",
)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """What needs no store, or is about a file or its dialect, is not tried again here."""
    here = Path(__file__).parent
    items[:] = [
        one
        for one in items
        if one.path.parent != here
        or ("rig" in one.fixturenames and not any(part in one.name for part in SQL_OF_SQLITE))
    ]
