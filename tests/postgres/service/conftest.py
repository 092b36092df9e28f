"""`hardpoint serve` over a store on PostgreSQL: of its tests those that are about the store."""

from pathlib import Path
from typing import Any

import pytest
from tests.service.conftest import SECRET, Told, connect, post, signed, told  # noqa: F401 - fixtures
from tests.store.postgres.conftest import (  # noqa: F401 - fixtures
    Database,
    database,
    postgres_server,
)

from hardpoint.core.secrets import Secret
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings

OF_THE_STORE = (
    "webhooks_are_stored_and_handled_until_the_stop",
    "a_hundred_identical_deliveries_at_once",
    "a_flood_of_forged_requests",
    "a_defect_in_the_background_ends_it",
    "a_server_is_served_in_a_loop_of_its_own",
    "a_hub_that_runs_is_ready",
    "a_store_that_is_closed_is_not_writable",
    "a_batch_that_failed_counts_until_another",
    "a_batch_that_waits_for_the_database",
    "refusals_that_go_on_are_told",
)


@pytest.fixture
def hub(database: Database, told: Told) -> Hub:  # noqa: F811 - the fixtures
    """A hub on an empty database, with the source `shop`."""
    database.reset()
    database.real_clock()
    source = SourceSettings(name="shop", provider="standard", secrets=(Secret.value(SECRET),))
    settings = Settings(store=StoreSettings(database=database.url), webhooks={"shop": source})
    return Hub(settings, listeners=[told.append])


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """What is about a file, or needs no store, is not tried again here."""
    here = Path(__file__).parent
    items[:] = [
        one
        for one in items
        if one.path.parent != here or any(part in one.name for part in OF_THE_STORE)
    ]
