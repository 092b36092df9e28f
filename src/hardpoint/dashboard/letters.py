"""What was given up, grouped by its cause, and a whole group at once: a plan first, then its run.

A run is carried out step by step, each of them asked for by the page that shows it. So it goes on
for as long as somebody looks, whichever worker answers; it ends when the page is left, and what was
not done is still there. Every step can be repeated: it does again nothing that was done.
"""

import asyncio
import base64
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.traces import Place
from hardpoint.dashboard.acting import EventAction, act, reason_of
from hardpoint.dashboard.event_acts import action_of
from hardpoint.dashboard.event_pages import PAGE_ROWS, SPANS, file_of, since_when
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route
from hardpoint.hub.operators import DashboardRole
from hardpoint.store.rows import of_cause
from hardpoint.store.views import Before, DeadCause, DeadLetter, StoreReader

CAUSES_MAX: Final = 200
STEP_LETTERS: Final = 100
STEP_SECONDS: Final = 1.0
_KEY_CHARACTERS_MAX: Final = 4000
_PLAN_CHARACTERS_MAX: Final = 40


def letter_routes(desk: Desk) -> list[Route]:
    """The pages of dead letters."""
    operator = DashboardRole.OPERATOR
    return [
        route(desk, "/letters", _causes),
        route(desk, "/letters/{key}", _letters),
        route(desk, "/letters/{key}/plan", _plan, role=operator, acts=True),
        route(desk, "/letters/{key}/run", _run, role=operator, acts=True),
    ]


class _Key(msgspec.Struct, array_like=True, frozen=True):
    source: str
    handler: str
    reason: str
    kind: str | None
    place: str | None


def key_of(cause: DeadCause) -> str:
    """A cause as a part of an address."""
    data = msgspec.json.encode(_Key(**of_cause(cause)))  # pyright: ignore[reportArgumentType]
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def cause_in(key: str) -> DeadCause:
    """The cause that an address names, of which nothing else is known.

    Raises:
        RefusedVisitError: it names none.
    """
    try:
        if len(key) > _KEY_CHARACTERS_MAX:
            raise ValueError(key)
        data = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
        read = msgspec.json.decode(data, type=_Key)
        place = Place.read(read.place)
    except UNREADABLE:
        raise RefusedVisitError(404, "There is no such cause", "Look at the list again.") from None
    return DeadCause(
        source=read.source,
        handler=read.handler,
        reason=read.reason,
        kind=read.kind,
        place=place,
        count=0,
        first_at=0,
        last_at=0,
        event="",
        error=None,
    )


async def _causes(visit: Visit) -> Response:
    since = visit.asked.get("since", "")
    begin = since_when(since, visit.desk.now)

    def look(reader: StoreReader) -> tuple[Any, Any]:
        return reader.causes(since=begin, limit=CAUSES_MAX), reader.failing(
            each=False, limit=CAUSES_MAX
        )

    causes, failing = await visit.desk.look(look)
    return visit.page(
        "letters.html",
        causes=[(key_of(one), one) for one in causes],
        failing=failing,
        since=since,
        spans=[*SPANS],
        file_of=file_of,
        most=CAUSES_MAX,
    )


async def _letters(visit: Visit) -> Response:
    cause = cause_in(visit.request.path_params["key"])
    before = before_in(visit.asked.get("before", ""), cause)

    def look(reader: StoreReader) -> tuple[DeadCause | None, list[DeadLetter]]:
        return counted(reader, cause), [
            *reader.letters_of(cause, before=before, limit=PAGE_ROWS + 1)
        ]

    known, letters = await visit.desk.look(look)
    more = letters[PAGE_ROWS - 1] if len(letters) > PAGE_ROWS else None
    return visit.page(
        "cause.html",
        key=visit.request.path_params["key"],
        cause=known or cause,
        letters=letters[:PAGE_ROWS],
        more=more and before_text(more),
        file=file_of(cause.place),
    )


def counted(reader: StoreReader, cause: DeadCause) -> DeadCause | None:
    """The same cause with its counts; None where nothing is left of it."""
    wanted = of_cause(cause)
    return next(
        (one for one in reader.causes(limit=10 * CAUSES_MAX) if of_cause(one) == wanted), None
    )


def before_text(letter: DeadLetter) -> str:
    """Where a list goes on behind a letter."""
    return f"{letter.at!r}/{letter.event}"


def before_in(text: str, cause: DeadCause) -> Before | None:
    """The same, read; all letters of a cause have one handler.

    Raises:
        RefusedVisitError: it is none.
    """
    if not text:
        return None
    at, _, event = text.partition("/")
    try:
        return float(at), str(UUID(event)), cause.handler
    except ValueError:
        raise RefusedVisitError(400, "This list cannot go on", "Begin it anew.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRun:
    """What a run is about, and how far it is.

    Attributes:
        total: how many letters there were when it was planned.
        until: it leaves alone what was given up later.
        plan: its name: a replay under it is done once for each event.
        before: where it goes on; None at the beginning.
        looked, changed: letters so far, and jobs.
        ended: nothing is left to look at.
    """

    action: EventAction
    reason: str
    total: int
    until: float
    plan: str
    before: Before | None = None
    looked: int = 0
    changed: int = 0
    ended: bool = False

    @property
    def place(self) -> str:
        """Where it goes on, as a form carries it."""
        return "" if self.before is None else f"{self.before[0]!r}/{self.before[1]}"


async def _plan(visit: Visit) -> Response:
    key = visit.request.path_params["key"]
    cause, action = cause_in(key), action_of(visit)
    reason, hub = reason_of(visit), visit.desk.hub
    known = await visit.desk.look(lambda reader: counted(reader, cause))
    if known is None:
        raise RefusedVisitError(409, "Nothing is left of it", "All of these were dealt with.")
    await hub.open()
    handlers = (await hub.shared.wanted(known.source, "")).known
    run = GroupRun(
        action=action,
        reason=reason,
        total=known.count,
        until=known.last_at,
        plan=hub._ids()[-12:],
    )
    return visit.page(
        "plan.html",
        key=key,
        cause=known,
        run=run,
        unknown=bool(handlers) and known.handler not in handlers,
    )


async def _run(visit: Visit) -> Response:
    key = visit.request.path_params["key"]
    cause, run = cause_in(key), _run_in(visit, cause_in(key))
    hub, reason = visit.desk.hub, f"{run.reason} (plan {run.plan})"
    letters = await visit.desk.look(
        lambda reader: reader.letters_of(cause, before=run.before, limit=STEP_LETTERS)
    )
    loop, ended = asyncio.get_running_loop(), len(letters) < STEP_LETTERS
    until = loop.time() + STEP_SECONDS
    for one in letters:
        if loop.time() > until:
            ended = False
            break
        run = replace(run, before=(one.at, one.event, one.handler))
        if one.at > run.until:
            continue
        jobs = await act(
            hub,
            run.action,
            one.event,
            one.handler,
            actor=visit.actor,
            reason=reason,
            plan=run.plan if run.action == "replay" else "",
        )
        run = replace(run, looked=run.looked + 1, changed=run.changed + jobs)
    run = replace(run, ended=ended)
    part = visit.request.headers.get("hx-request") == "true"
    template = "run_part.html" if part else "run.html"
    return visit.page(template, key=key, cause=cause, run=run)


def _run_in(visit: Visit, cause: DeadCause) -> GroupRun:
    """How far a run is, as its form says.

    Raises:
        RefusedVisitError: it is none.
    """
    form = visit.form
    try:
        total, looked, changed = (
            int(form.get(name, "")) for name in ("total", "looked", "changed")
        )
        until = float(form.get("until", ""))
    except ValueError:
        raise RefusedVisitError(400, "This run cannot go on", "Plan it anew.") from None
    return GroupRun(
        action=action_of(visit),
        reason=reason_of(visit),
        total=total,
        until=until,
        plan=form.get("plan", "")[:_PLAN_CHARACTERS_MAX],
        before=before_in(form.get("before", ""), cause),
        looked=looked,
        changed=changed,
    )
