"""What operators do to events from here: retry, replay, close; each with its line in the audit."""

from typing import Final, Literal

from hardpoint.dashboard.visits import RefusedVisitError, Visit
from hardpoint.hub.hub import Hub
from hardpoint.store.driver import NOTE_LENGTH_MAX
from hardpoint.store.views import EventView

EventAction = Literal["retry", "replay", "resolve"]
ACTIONS: Final[tuple[EventAction, ...]] = ("retry", "replay", "resolve")
REASON_MIN: Final = 3


async def act(
    hub: Hub,
    action: EventAction,
    event: str,
    handler: str | None,
    *,
    view: EventView | None = None,
    actor: str,
    reason: str,
    force: bool = False,
    plan: str = "",
) -> int:
    """Have it done, by whichever process has the store; gives how many jobs it concerned.

    Args:
        hub: whose event it is.
        action: what is to be done.
        event: our id of it.
        handler: only this one's job.
        view: the event, where all of its handlers may be meant.
        actor: who asks, for the audit record.
        reason: why, likewise.
        force: replay what was done already, too.
        plan: a replay under this name is done once for each event.
    """
    await hub.open()
    if action == "retry":
        return await hub.retry(event, handler, actor=actor, reason=reason)
    if action == "resolve":
        return await hub.resolve(event, handler, note=reason, actor=actor)
    names: tuple[str, ...] = () if handler is None else (handler,)
    if view is not None and not names:
        names = await wanted(hub, view)
    hub.life.check()
    jobs = await hub.shared.replay(event, names, force=force, actor=actor, reason=reason, plan=plan)
    hub.worker.resume()
    return jobs


async def wanted(hub: Hub, view: EventView) -> tuple[str, ...]:
    """Who is to handle an event anew: those of the process that has the handlers, if one says.

    Otherwise those that have had it before.
    """
    asked = await hub.shared.wanted(view.summary.source, view.summary.type)
    if asked.known:
        return asked.matching
    return tuple(dict.fromkeys(one.handler for one in (*view.attempts, *view.dead)))


def reason_of(visit: Visit) -> str:
    """What a form gives as the reason.

    Raises:
        RefusedVisitError: it gives none.
    """
    text = visit.form.get("reason", "").strip()
    if not REASON_MIN <= len(text) <= NOTE_LENGTH_MAX:
        raise RefusedVisitError(
            400,
            "A reason is needed",
            f"Write {REASON_MIN} to {NOTE_LENGTH_MAX} characters, for the audit record.",
        )
    return text
