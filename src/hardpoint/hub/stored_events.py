"""What operators do to the events of a hub that are stored: look, retry, replay, resolve."""

import asyncio

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.life import Life
from hardpoint.store.engine import SharedAccess, StoreEngine
from hardpoint.store.views import StoreReader
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.worker import Worker


class StoredEvents:
    """The methods of a hub that concern its stored events."""

    store: StoreEngine
    shared: SharedAccess
    worker: Worker
    handlers: Handlers
    life: Life

    def reader(self) -> StoreReader:
        """Looks into the store without touching it; close it when done."""
        return self.store.reader()

    async def retry(
        self, event_id: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """Make an event's waiting jobs due now, and its dead letters jobs again; gives how many.

        Args:
            event_id: ours.
            handler: only this one.
            actor: who asked, for the audit record.
            reason: why, likewise.
        """
        self.life.check()
        count = await self.shared.retry(event_id, handler, actor=actor, reason=reason)
        self.worker.resume()
        return count

    async def replay(
        self,
        event_id: str,
        handler: str | None = None,
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
    ) -> int:
        """Handle an event anew, by one handler or all that match now; gives how many jobs.

        Args:
            event_id: ours.
            handler: only this one.
            force: even where it was done already.
            actor: who asked, for the audit record.
            reason: why, likewise.

        Raises:
            ConfigurationError: there is no such handler.
        """
        self.life.check()
        if handler is not None and handler not in self.handlers.names():
            known = ", ".join(self.handlers.names())
            raise ConfigurationError(f"handler {handler}", "is not known", fix=f"Known: {known}")
        names = (handler,) if handler else await asyncio.to_thread(self._wanted, event_id)
        count = await self.shared.replay(event_id, names, force=force, actor=actor, reason=reason)
        self.worker.resume()
        return count

    async def resolve(
        self, event_id: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """Close an event's dead, parked and waiting jobs without running them; gives how many.

        They count as done from then on, and a replay leaves them alone without `force`. A job that
        runs at this moment is left alone.

        Args:
            event_id: ours.
            handler: only this one.
            note: what was found or done, for the record.
            actor: who says so, likewise.
        """
        self.life.check()
        return await self.shared.resolve(event_id, handler, note=note, actor=actor)

    def _wanted(self, event_id: str) -> tuple[str, ...]:
        reader = self.reader()
        try:
            for view in reader.event(event_id):
                return self.handlers.matching(view.summary.source, view.summary.type)
            return ()
        finally:
            reader.close()
