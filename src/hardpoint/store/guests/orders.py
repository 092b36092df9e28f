"""What a store does that was asked, by a guest or by its own process."""

from collections.abc import Callable
from typing import Any, Protocol

from hardpoint.store.driver import Accepted, NewEvent
from hardpoint.store.engine import InboxStore
from hardpoint.store.guests.requests import (
    AskedOfStore,
    CountAsked,
    NoteAsked,
    ReplayAsked,
    ResolveAsked,
    RetryAsked,
    TurnAsked,
)
from hardpoint.store.journal import AnyCallStep, CallStep
from hardpoint.store.sqlite.gate import LentTurns


class GuestStore(InboxStore, Protocol):
    """The open store, as a server asks it.

    Attributes:
        turns: those that are lent.
    """

    turns: LentTurns

    def accept_aside(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """See `accept`; `done` is called in whatever thread has stored it, and may not raise."""
        ...

    async def call(self, step: AnyCallStep, session: str | None = None) -> Any:
        """Have a step of a call of that session written down; of this process's without one."""
        ...

    def look_for_deaths(self) -> None:
        """A process may have died: see whether it held calls."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether it takes anything; False as soon as it begins to close, or has broken."""
        ...


async def carry_out(
    store: GuestStore,
    asked: AskedOfStore,
    session: str | None = None,
    holder: object = None,
) -> Any:
    """Have the store do what was asked, by a guest or by this process itself.

    Args:
        store: that does it.
        asked: what.
        session: whose calls they are; this process's without one.
        holder: whose turn it is, likewise.
    """
    if isinstance(asked, CallStep):
        return await store.call(asked, session)
    if isinstance(asked, ReplayAsked):
        return await store.replay(
            asked.event,
            asked.handlers,
            force=asked.force,
            actor=asked.actor,
            reason=asked.reason,
            plan=asked.plan,
        )
    if isinstance(asked, RetryAsked):
        return await store.retry(asked.event, asked.handler, actor=asked.actor, reason=asked.reason)
    if isinstance(asked, ResolveAsked):
        return await store.resolve(asked.event, asked.handler, note=asked.note, actor=asked.actor)
    if isinstance(asked, NoteAsked):
        await store.note(asked.action, asked.target, actor=asked.actor, reason=asked.reason)
    elif isinstance(asked, CountAsked):
        await store.refuse(asked.refusals)
    elif isinstance(asked, TurnAsked):
        await store.turns.lend(holder, asked.number)
    else:
        store.turns.give_back(holder, asked.number)
    return 0
