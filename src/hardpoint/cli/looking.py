"""Looking into the store: read-only, beside a running server or without one."""

import fcntl
import os
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hardpoint.cli.failures import CommandError, Exit
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.hub.settings import Settings
from hardpoint.store.opening import engine
from hardpoint.store.views import EventView, StoreReader

_BEGINNING: Final = re.compile(r"[0-9a-f][0-9a-f-]{7,35}").fullmatch
_NAMED_MAX: Final = 3


@contextmanager
def store_of(config: Path) -> Generator[StoreReader]:
    """The store a configuration names; its secrets are not needed."""
    settings = Settings.load(config, secrets=False).store
    if settings.file is not None and not settings.file.exists():
        raise CommandError(
            f"there are no events yet: {settings.file} does not exist",
            exit_code=Exit.UNREACHABLE,
            code="no_store",
            hint="hardpoint serve",
        )
    reader = engine(settings.url).reader()
    try:
        yield reader
    finally:
        reader.close()


def holder_of(database: Path) -> int | None:
    """The process that has a store open to receive into it; None where there is none."""
    try:
        descriptor = os.open(f"{database}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or b"0")
    finally:
        os.close(descriptor)
    return None


def public_of(settings: Settings) -> str | None:
    """Where a `hardpoint serve` on this store takes webhooks; None where none can be asked."""
    if settings.store.file is None:
        return None
    try:
        presence = engine(settings.store.url).shared.presence()
    except StoreUnavailableError:  # whoever has the store is stopped, say
        return None
    members = () if presence is None else (presence.owner, *presence.guests)
    return next((one.public for one in members if one.public), None)


def found(reader: StoreReader, identifier: str) -> list[EventView]:
    """The events of an id, ours or a vendor's; or the one whose id of ours begins so."""
    views = list(reader.event(identifier)) or list(reader.event(whole(reader, identifier)))
    if not views:
        raise CommandError(
            f"there is no event {identifier}",
            exit_code=Exit.NO,
            code="not_found",
            hint="hardpoint events list",
        )
    return views


def whole(reader: StoreReader, identifier: str) -> str:
    """Our id that begins so; what begins none is given back.

    Raises:
        CommandError: several do.
    """
    ids = reader.beginning(identifier, limit=_NAMED_MAX + 1) if _BEGINNING(identifier) else ()
    if len(ids) > 1:
        more = ", ..." if len(ids) > _NAMED_MAX else ""
        raise CommandError(
            f"several ids begin with {identifier}: {', '.join(ids[:_NAMED_MAX])}{more}",
            exit_code=Exit.NO,
            code="ambiguous",
            hint="write more of it",
        )
    return ids[0] if ids else identifier


def shortened(terminal: Terminal, reader: StoreReader, ids: Sequence[str]) -> Mapping[str, str]:
    """The beginnings of ids that are enough to name them; none where no person reads."""
    return {} if terminal.width is None else reader.short_ids(ids)
