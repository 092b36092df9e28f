"""Whether this server should be sent webhooks, and why not."""

import asyncio
from typing import final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreError
from hardpoint.hub.hub import Hub
from hardpoint.service.reload import Reloader
from hardpoint.store.events import BatchCommitted, BatchFailed

STORE_SECONDS = 2.0
"""A store that takes longer to answer is not one to rely on."""
FAILURE_SECONDS = 10.0
"""How long a failed batch counts when none was committed after it: then it is worth another try."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What `/readyz` says.

    Attributes:
        ready: whether to send webhooks here.
        reasons: why not.
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

    Attributes:
        stopping: set when the server begins to stop.
    """

    def __init__(
        self, hub: Hub, reloader: Reloader, clock: Clock, *, patience: float = STORE_SECONDS
    ) -> None:
        self.stopping = False
        self._hub = hub
        self._reloader = reloader
        self._clock = clock
        self._patience = patience
        self._failed: tuple[float, str] | None = None
        hub.listeners.add(self._heard)

    async def look(self) -> State:
        """The state now."""
        trouble, backlog = await self._ask_store()
        failure = self._hub.failure
        reasons = ["the server is stopping"] if self.stopping else []
        if trouble is not None:
            reasons.append(f"store: {trouble}")
        if failure is not None:
            reasons.append(f"worker: {type(failure).__name__}: {failure}")
        return State(
            ready=not reasons,
            reasons=tuple(reasons),
            store_writable=trouble is None,
            worker_running=failure is None,
            backlog_seconds=backlog,
            generation=self._hub.generation,
            configuration_problem=self._reloader.problem,
        )

    async def _ask_store(self) -> tuple[str | None, float | None]:
        """What is wrong with the store, and the age of its backlog."""
        names = self._hub.handlers.names()
        try:
            async with asyncio.timeout(self._patience):
                due = await self._hub.store.next_due(names)
        except TimeoutError:
            return f"no answer in {self._patience:g} s", None
        except StoreError as error:
            return str(error), None
        backlog = 0.0 if due is None else max(0.0, self._clock.now() - due)
        if self._failed is not None:
            at, reason = self._failed
            if self._clock.monotonic() - at < FAILURE_SECONDS:
                return reason, backlog
        return None, backlog

    def _heard(self, event: object) -> None:
        if isinstance(event, BatchFailed) and event.kind == "accept":
            self._failed = self._clock.monotonic(), event.reason
        elif isinstance(event, BatchCommitted) and event.kind == "accept":
            self._failed = None
