"""Looking into the store: read-only, beside a running server or without one."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hardpoint.cli.failures import CommandError, Exit
from hardpoint.hub.settings import Settings
from hardpoint.store.driver import EventView, StoreReader
from hardpoint.store.sqlite import SqliteReader


@contextmanager
def store_of(config: Path) -> Generator[StoreReader]:
    """The store a configuration names; its secrets are not needed."""
    path = Settings.load(config, secrets=False).store.path
    if not path.exists():
        raise CommandError(
            f"there are no events yet: {path} does not exist",
            exit_code=Exit.UNREACHABLE,
            code="no_store",
            hint="hardpoint serve",
        )
    reader = SqliteReader(path)
    try:
        yield reader
    finally:
        reader.close()


def found(reader: StoreReader, identifier: str) -> list[EventView]:
    """The events of an id, ours or a vendor's."""
    views = list(reader.event(identifier))
    if not views:
        raise CommandError(
            f"there is no event {identifier}",
            exit_code=Exit.NO,
            code="not_found",
            hint="hardpoint events list",
        )
    return views
