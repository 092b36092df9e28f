"""The tests of the hub whose store may be any, on PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest
from tests.hub import loaded, test_hub
from tests.postgres.conftest import Site

ABOUT_FILES = (
    "a_start_that_failed_may_be_tried_again",
    "a_store_that_breaks_is_opened_anew_and_its_events_are_handled",
    "a_store_that_only_calls_use_and_that_breaks_is_opened_anew",
    "the_first_failure_is_the_one_that_is_told",
    "a_new_configuration_that_is_wrong_is_refused",
    "a_handler_that_cancels_every_task_is_suspect",
    "a_hub_that_received_nothing_opens_its_store",
    "a_source_that_is_added_is_handled_though",
    "a_reload_that_drops_a_source_with_handlers",
    "what_a_scheme_refuses",
)


@pytest.fixture
def folder(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same configuration, but for the store's URL."""
    written = loaded.CONFIGURATION.replace("sqlite:events.db", "env:SHOP_DATABASE")
    monkeypatch.setattr(test_hub, "CONFIGURATION", written)
    for name, secret in [("stripe", "whsec_one"), ("signing", loaded.SIGNING)]:
        loaded.keep(site.folder / name, secret)
    site.config.write_text(written)
    return site.folder


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """What is about a file, or needs no store, is not tried again here."""
    here = Path(__file__).parent
    items[:] = [
        one
        for one in items
        if one.path.parent != here
        or ("folder" in one.fixturenames and not any(part in one.name for part in ABOUT_FILES))
    ]
