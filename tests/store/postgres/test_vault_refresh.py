"""Refreshing with the vault in PostgreSQL: what is true of its file is true there."""

import pytest
from tests.oauth.conftest import *  # noqa: F403 - the fixtures
from tests.oauth.conftest import World
from tests.oauth.test_vault_refresh import *  # noqa: F403 - the tests

from hardpoint.store.postgres.vault import VaultDatabase
from hardpoint.testing.clock import ManualClock


class SharedClock(ManualClock):
    """It moves the database's clock along; a jump is this machine's alone."""

    def __init__(self, database):
        self.database = None
        super().__init__()
        self.database = database

    def _move(self, until):
        super()._move(until)
        self.database.clock.advance(self.monotonic() - self.database.clock.monotonic())
        self.database.set_clock()


@pytest.fixture
def clock(pg):
    return SharedClock(pg.database)


@pytest.fixture
def world(pg, tmp_path, entry, clock):
    made = []

    def tables():
        made.append(VaultDatabase(pg.url, spool=tmp_path / "vault.db", busy=5.0))
        return made[-1]

    yield lambda **facts: World(tmp_path, entry, clock, tables=tables, **facts)
    for each in made:
        each.close()


# Of a clock that jumps, and of a clock of their own.
del test_a_token_from_a_clock_that_was_ahead_is_replaced_when_the_api_refuses_it  # noqa: F821
del test_nobody_waits_for_ever  # noqa: F821
