"""Whether this server should be sent webhooks, and what is wrong with it.

Two kinds of reasons are told apart. What keeps it from storing an event, or from living on, makes
it unready: requests had better go elsewhere, or come again. What only keeps events from being
handled is told too, but they are safest in the store, so the server stays ready. So does one whose
caller has the wrong secret, or a third party that is down: neither may take us off the air.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreError
from hardpoint.hub.hub import Hub
from hardpoint.service.reload import Reloader
from hardpoint.store.events import (
    BatchCommitted,
    BatchFailed,
    BatchStalled,
    VaultAvailable,
    VaultUnavailable,
)
from hardpoint.webhooks.refusals import recent, told

STORE_SECONDS = 2.0
"""A store that takes longer to answer is not one to rely on."""
FAILURE_SECONDS = 10.0
"""How long a failed batch counts when none was committed after it: then it is worth another try."""
FREE_BYTES_MIN = 1024 * 1024
"""A disk with less is full: the next body may not fit."""
CIRCUITS_MAX = 20
"""How many open circuits are named."""


class ReadinessState(msgspec.Struct, frozen=True, kw_only=True):
    """What `/readyz` says.

    Attributes:
        ready: whether to send webhooks here.
        reasons: why not, and what else is wrong; each begins with what it is about.
        store_writable: events can be made durable.
        worker_running: events are handled.
        backlog_seconds: how long the job that is due the longest has waited; None when unknown.
        generation: of the configuration in force.
        configuration_problem: why a newer one was refused; that alone is no reason to be unready.
    """

    ready: bool
    reasons: tuple[str, ...]
    store_writable: bool
    worker_running: bool
    backlog_seconds: float | None
    generation: int
    configuration_problem: str | None


@final
class Readiness:
    """Judges a hub by what it tells and by asking its store.

    Args:
        hub: started.
        reloader: knows of configurations that were refused.
        clock: for the age of things.
        patience: seconds the store may take to answer.
        free: how many bytes a disk has left for the file of this path; for tests.

    Attributes:
        stopping: set when the server begins to stop.
    """

    def __init__(
        self,
        hub: Hub,
        reloader: Reloader,
        clock: Clock,
        *,
        patience: float = STORE_SECONDS,
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self.stopping = False
        self._hub = hub
        self._reloader = reloader
        self._clock = clock
        self._patience = patience
        self._free = free or free_bytes
        self._failed: tuple[float, str] | None = None
        self._vault_failed: tuple[float, str] | None = None
        self._outside: asyncio.Future[tuple[list[str], list[str]]] | None = None
        hub.listeners.add(self._heard)

    async def look(self) -> ReadinessState:
        """The state now."""
        trouble, backlog = await self._ask_store()
        failure = self._hub.failure
        full, refused = await self._look_outside()
        against = ["the server is stopping"] if self.stopping else []
        if trouble is not None:
            against.append(f"store: {trouble}")
        if failure is not None:
            against.append(f"worker: {type(failure).__name__}: {failure}")
        vault = self._lately(self._vault_failed)
        if vault is not None:
            against.append(f"vault: {vault}")
        against += full
        return ReadinessState(
            ready=not against,
            reasons=(*against, *self._hindrances(), *refused),
            store_writable=trouble is None and not full,
            worker_running=failure is None and self._hub.life.works,
            backlog_seconds=backlog,
            generation=self._hub.generation,
            configuration_problem=self._reloader.problem,
        )

    async def _ask_store(self) -> tuple[str | None, float | None]:
        """What is wrong with the store, and the age of its backlog."""
        names = self._hub.handlers.names()
        if not self._hub.shared.owner:  # it has broken: it comes back, or passes to another process
            return self._hub.shared.problem, None
        try:
            async with asyncio.timeout(self._patience):
                due = await self._hub.store.next_due(names)
        except TimeoutError:
            return f"no answer in {self._patience:g} s", None
        except StoreError as error:
            return str(error), None
        backlog = 0.0 if due is None else max(0.0, -due)
        return self._lately(self._failed), backlog

    def _lately(self, failed: tuple[float, str] | None) -> str | None:
        """A failure that is recent enough to count."""
        if failed is None or self._clock.monotonic() - failed[0] >= FAILURE_SECONDS:
            return None
        return failed[1]

    async def _look_outside(self) -> tuple[list[str], list[str]]:
        """Disks that are full, and sources that refuse, as far as that can be seen in time."""
        if self._outside is None:
            look = asyncio.to_thread(lambda: ([*self._full_disks()], [*self._refusing()]))
            self._outside = asyncio.ensure_future(look)
        # Not cancelled: a disk that hangs costs one thread, however often it is asked for.
        done, _ = await asyncio.wait({self._outside}, timeout=self._patience)
        if not done:
            return [f"disk: no answer in {self._patience:g} s"], []
        looked, self._outside = self._outside, None
        return looked.result()

    def _full_disks(self) -> Iterator[str]:
        settings = self._hub.settings
        vault = settings.identity.vault
        files = {"store": settings.store.file, "vault": vault and vault.path}
        for name, path in files.items():
            left = FREE_BYTES_MIN if path is None else self._free(path)
            if left < FREE_BYTES_MIN:
                yield f"disk: the {name}'s is full, {left // 1024} kB are left"

    def _refusing(self) -> Iterator[str]:
        now = self._clock.now()
        try:
            with closing(self._hub.reader()) as reader:
                runs = recent(reader, now)
        except StoreError:  # of which the store itself has told
            return
        for run in runs:
            yield f"refused: {told(run, now)}"

    def _hindrances(self) -> Iterator[str]:
        """What keeps events from being handled."""
        shared = self._hub.shared
        if not self._hub.life.works:
            yield "worker: this process only receives; handlers run in others"
        if shared.owner_pid is not None:
            yield f"owner: process {shared.owner_pid} has the store, and handles events"
        for reason in shared.strangers:
            yield f"handlers: {reason}"
        yield from self._hub.worker.hindrances()
        for name, whom in self._hub.unsigned.items():
            yield f"unsigned: {name} takes what nobody has signed, from {whom}"
        circuits = self._hub.open_circuits()
        for name in circuits[:CIRCUITS_MAX]:
            yield f"circuit: {name} is open"
        if len(circuits) > CIRCUITS_MAX:
            yield f"circuit: {len(circuits) - CIRCUITS_MAX} more are open"

    def _heard(self, event: object) -> None:
        if isinstance(event, BatchFailed) and event.kind == "accept":
            self._failed = self._clock.monotonic(), event.reason
        elif isinstance(event, BatchCommitted) and event.kind == "accept":
            self._failed = None
        elif isinstance(event, BatchStalled) and event.kind == "accept":  # told again and again
            reason = f"{event.rows} event(s) wait to be stored: {event.reason}"
            self._failed = self._clock.monotonic(), reason
        elif isinstance(event, VaultUnavailable):
            self._vault_failed = self._clock.monotonic(), event.reason
        elif isinstance(event, VaultAvailable):
            self._vault_failed = None


def free_bytes(path: Path) -> int:
    """How much the disk of a file has left for this user."""
    disk = os.statvfs(path.parent)
    return disk.f_frsize * (disk.f_bfree if os.geteuid() == 0 else disk.f_bavail)
