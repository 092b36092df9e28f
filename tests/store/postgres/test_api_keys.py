"""API keys in PostgreSQL: what is true of the vault's file is true there."""

import pytest
from tests.api_keys.conftest import *  # noqa: F403 - the fixtures
from tests.api_keys.test_api_keys import *  # noqa: F403 - the tests
from tests.api_keys.test_signatures import (  # noqa: F401 - the tests
    callers,
    test_a_nonce_is_used_up_until_its_request_is_too_old,
    test_a_signature_is_taken_once_whichever_process_sees_it,
)
from tests.store.postgres.test_vault_refresh import SharedClock

from hardpoint.store.postgres.vault import VaultDatabase


@pytest.fixture
def clock(pg):
    return SharedClock(pg.database)


@pytest.fixture
def tables(pg, tmp_path):
    made = []

    def make():
        made.append(VaultDatabase(pg.url, spool=tmp_path / "vault.db"))
        return made[-1]

    yield make
    for each in made:
        each.close()


del test_its_secret_is_kept_nowhere  # noqa: F821 - of a file
