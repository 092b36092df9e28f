"""A store that one process has at a time, as the processes that share it see it."""

import asyncio
from pathlib import Path
from typing import Any, Protocol

from hardpoint.core.effects import Clock
from hardpoint.core.events import Listeners
from hardpoint.store.guests.orders import GuestStore
from hardpoint.store.journal import AnyCallStep
from hardpoint.store.journalling import CallBook
from hardpoint.store.sqlite.engine import Engine
from hardpoint.store.sqlite.files import LockFile
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.sessions import LiveSession


class OwnedStore(GuestStore, CallBook, Protocol):
    """What `SharedStore` and its keeper need of a store whose file has one owner.

    Attributes:
        path: of the file.
        limits: how much may wait.
        clock: where time comes from.
        listeners: told what happens.
    """

    path: Path
    limits: StatementLimits
    clock: Clock
    listeners: Listeners

    @property
    def session(self) -> LiveSession:
        """The sign of life of this process."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed since."""
        ...

    @property
    def begun(self) -> bool:
        """Whether it is open, or about to be."""
        ...

    @property
    def engine(self) -> Engine:
        """The open file.

        Raises:
            StoreUnavailableError: it is not open.
        """
        ...

    async def call(self, step: AnyCallStep, session: str | None = None) -> Any:
        """See `GuestStore`."""
        ...

    async def take(
        self,
        lock: LockFile,
        *,
        known: tuple[int, int] | None,
        home: asyncio.AbstractEventLoop | None,
    ) -> None:
        """Open it under a lock that is held already, which passes to the store."""
        ...

    async def let_go(self, *, clean: bool = True) -> None:
        """Close it in a process that goes on: another may have the file."""
        ...
