"""What came in: the list of events with its filters, and everything about one."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.traces import Place
from hardpoint.dashboard.drawing import drawn
from hardpoint.dashboard.live import live_route
from hardpoint.dashboard.taking import curl_of_event, fixture_of
from hardpoint.dashboard.verified import verification
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route
from hardpoint.store.driver import Outcome
from hardpoint.store.views import AttemptView, EventSummary, EventView, State, StoreReader

PAGE_ROWS: Final = 50
SOURCES_MAX: Final = 500
"""In the list to choose from; any other stands in an address all the same."""
SPANS: Final = {"1h": 3600.0, "24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
_BEGINNING: Final = re.compile(r"[0-9a-f][0-9a-f-]{7,35}", re.ASCII)
_CHARACTERS_MAX: Final = 200
_DONE: Final = {"retry": "retried", "replay": "replayed", "resolve": "closed"}


def event_routes(desk: Desk) -> list[Route]:
    """The pages of events."""
    return [
        route(desk, "/events", _list),
        live_route(desk, "/events/live", _news),
        route(desk, "/events/{id}", _event),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What the list is narrowed to, as its address says.

    Attributes:
        since: a span, `24h`, or a time.
        before: the id to go on from.
    """

    source: str = ""
    type: str = ""
    state: State | None = None
    since: str = ""
    before: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "EventFilter":
        """The filter that a query describes.

        Raises:
            RefusedVisitError: it makes no sense.
        """
        text = {name: asked.get(name, "").strip() for name in ("source", "type", "state", "since")}
        for name, value in text.items():
            if len(value) > _CHARACTERS_MAX:
                raise _senseless(name, value[:40])
        if text["state"] not in {"", *State}:
            raise _senseless("state", text["state"])
        since_when(text["since"], 0.0)
        before = asked.get("before", "")
        if before and not _BEGINNING.fullmatch(before):
            raise _senseless("before", before[:40])
        return cls(
            source=text["source"],
            type=text["type"],
            state=State(text["state"]) if text["state"] else None,
            since=text["since"],
            before=before,
        )

    def found(self, reader: StoreReader, now: float) -> Sequence[EventSummary]:
        """One page of it."""
        return reader.events(
            source=self.source or None,
            event_type=self.type or None,
            state=self.state,
            since=since_when(self.since, now),
            before=self.before or None,
            limit=PAGE_ROWS + 1,
        )

    def values(self) -> dict[str, str]:
        """What an address says of it, without where it goes on."""
        return {
            "source": self.source,
            "type": self.type,
            "state": self.state.value if self.state else "",
            "since": self.since,
        }


def since_when(text: str, now: float) -> float | None:
    """A span before now, or a time in UTC, as Unix seconds.

    Raises:
        RefusedVisitError: it is neither.
    """
    if not text:
        return None
    if text in SPANS:
        return now - SPANS[text]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise _senseless("since", text[:40]) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _senseless(name: str, value: str) -> RefusedVisitError:
    return RefusedVisitError(400, f"The filter {name} makes no sense", f"It says: {value}")


async def _list(visit: Visit) -> Response:
    if sought := visit.asked.get("find", "").strip()[:_CHARACTERS_MAX]:
        return await _find(visit, sought)
    wanted, now = EventFilter.of(visit.asked), visit.desk.now
    events = await visit.desk.look(lambda reader: wanted.found(reader, now))
    more = events[PAGE_ROWS - 1].id if len(events) > PAGE_ROWS else None
    return visit.page(
        "events.html",
        events=events[:PAGE_ROWS],
        wanted=wanted,
        filters=wanted.values(),
        more=more,
        sources=sorted(visit.desk.hub.settings.webhooks)[:SOURCES_MAX],
        states=[*State],
        spans=[*SPANS],
    )


async def _news(visit: Visit) -> str:
    """How many have come that the list does not show; no row moves under a reader's eyes."""
    wanted, now = EventFilter.of(visit.asked), visit.desk.now
    after = visit.asked.get("after", "")
    events = await visit.desk.look(lambda reader: wanted.found(reader, now))
    new = [one for one in events if one.id > after]
    body = drawn(
        "news.html", root=visit.root, new=len(new), most=PAGE_ROWS, filters=wanted.values()
    )
    return f'<hx-partial hx-target="#news" hx-swap="innerHTML">{body}</hx-partial>'


async def _find(visit: Visit, sought: str) -> Response:
    """To the event of this id, ours or the vendor's, or the beginning of ours."""
    found = await visit.desk.look(lambda reader: _ids_of(reader, sought))
    if len(found) == 1:
        return visit.to(f"/events/{quote(found[0])}")
    return visit.page("found.html", 200 if found else 404, sought=sought, ids=found)


def _ids_of(reader: StoreReader, sought: str) -> list[str]:
    if views := reader.event(sought):
        return [one.summary.id for one in views]
    return [*reader.beginning(sought, limit=20)] if _BEGINNING.fullmatch(sought) else []


async def _event(visit: Visit) -> Response:
    view = await event_of(visit)
    return visit.page(
        "event.html", **event_values(visit, view), told=told_of(visit.asked), payload=None
    )


async def event_of(visit: Visit) -> EventView:
    """The event that a page's address names.

    Raises:
        RefusedVisitError: there is none.
    """
    identifier: str = visit.request.path_params["id"]
    found = await visit.desk.look(lambda reader: reader.event(identifier))
    ours = [one for one in found if one.summary.id == identifier]
    if not ours:
        raise RefusedVisitError(
            404, "There is no such event", f"No event of ours has the id {identifier[:80]}."
        )
    return ours[0]


def event_values(visit: Visit, view: EventView) -> dict[str, Any]:
    """What the page of an event shows."""
    return {
        "event": view.summary,
        "view": view,
        "ladders": [*ladders(view)],
        "steps": verification(visit.desk.hub, view),
        "curl": curl_of_event(view, *_signer(visit, view)),
        "fixture": fixture_of(view),
        "closable": view.jobs or view.dead,
        "handlers": sorted({one.handler for one in (*view.jobs, *view.dead, *view.attempts)}),
    }


def _signer(visit: Visit, view: EventView) -> tuple[str, bool]:
    """Who signs this event's requests, and whether anybody does."""
    settings = visit.desk.hub.settings.webhooks.get(view.summary.source)
    source = visit.desk.hub.receiver._sources[view.summary.source]
    return (settings.provider if settings else "standard"), source.unsigned is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One attempt, as the ladder shows it.

    Attributes:
        waited: seconds since the one before ended; since the event came, for the first.
        file: of the user's code, where this process has it loaded.
    """

    attempt: AttemptView
    waited: float
    file: str | None

    @property
    def seconds(self) -> float:
        """What it took."""
        return self.attempt.ended_at - self.attempt.started_at

    @property
    def after(self) -> str:
        """Why it waited so long."""
        return "after the event came" if self.attempt.number == 1 else "after the attempt before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The attempts of one handler, and what happens next.

    Attributes:
        next_at: when it is tried again; None where it is not.
        running: an attempt of it runs now.
        given_up: why it is a dead letter; None where it is none.
    """

    handler: str
    rungs: tuple[Rung, ...]
    next_at: float | None
    running: bool
    given_up: str | None

    @property
    def state(self) -> str:
        """In one word."""
        if self.running:
            return "running"
        if self.next_at is not None:
            return "pending"
        if self.given_up is not None:
            return "needs_reconcile" if self.given_up == Outcome.NEEDS_RECONCILE else "dead"
        return self.rungs[-1].attempt.outcome.value


def ladders(view: EventView) -> Iterator[Ladder]:
    """One for each handler that this event had."""
    jobs = {one.handler: one for one in view.jobs}
    dead = {one.handler: one for one in view.dead}
    tried = {one.handler for one in view.attempts}
    for handler in sorted({*jobs, *dead, *tried}):
        rungs: list[Rung] = []
        ended = view.summary.received_at
        for one in sorted(view.attempts, key=lambda one: one.number):
            if one.handler == handler:
                waited = max(0.0, one.started_at - ended)
                rungs.append(Rung(attempt=one, waited=waited, file=file_of(one.place)))
                ended = one.ended_at
        job = jobs.get(handler)
        letter = dead.get(handler)
        yield Ladder(
            handler=handler,
            rungs=tuple(rungs),
            next_at=None if job is None or job.running else job.run_at,
            running=job is not None and job.running,
            given_up=None if letter is None else letter.reason,
        )


def file_of(place: Place | None) -> str | None:
    """The file of a place in the user's code; None where this process has not loaded it."""
    if place is None:
        return None
    file: str | None = getattr(sys.modules.get(place.module), "__file__", None)
    return file


_COUNT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def told_of(asked: Mapping[str, str]) -> str | None:
    """What became of an act, for the page it led back to."""
    did, jobs = asked.get("did", ""), asked.get("jobs", "")
    if did not in _DONE or not _COUNT.fullmatch(jobs):
        return None
    if jobs == "0":
        return "Nothing to do: no job of it is in a state for that. It may be done, or run now."
    return f"{int(jobs)} job{'s' if jobs != '1' else ''} {_DONE[did]}."
