"""Which events a command changes: those that are named, or those that a search finds.

What a search finds is a plan, made before anything is changed. It is carried out from the newest to
the oldest, so that a run that was cut short is continued by `--before`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote
from typing import Final

from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.cli.looking import found, whole
from hardpoint.store.driver import NOTE_LENGTH_MAX, Outcome
from hardpoint.store.views import Before, EventView, State, StoreReader

_PAGE: Final = 500
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])").fullmatch
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One event to be changed, or why there is none.

    Attributes:
        given: the id as it was given.
        handler: only this handler's job.
        view: the event, where it has been looked at.
    """

    given: str
    event: str | None = None
    handler: str | None = None
    view: EventView | None = None
    problem: CommandError | None = None
    before: str | None = None
    """What `--before` would be, to go on behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """What is searched for; nothing of it: nothing was."""

    source: str | None = None
    event_type: str | None = None
    state: State | None = None
    since: str | None = None
    before: str | None = None
    limit: int | None = None

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return any(value is not None for _, value in self._options())

    def __str__(self) -> str:
        return " ".join(f"{name} {quote(str(value))}" for name, value in self._options() if value)

    def _options(self) -> Iterator[tuple[str, str | None]]:
        yield "--source", self.source
        yield "--type", self.event_type
        yield "--state", None if self.state is None else self.state.value
        yield "--since", self.since
        yield "--before", self.before


def named(reader: StoreReader, identifiers: Sequence[str], handler: str | None) -> list[Planned]:
    """Each event that is named; what cannot be told from another is planned as a problem."""
    return [_named(reader, one, handler) for one in dict.fromkeys(identifiers)]


def _named(reader: StoreReader, identifier: str, handler: str | None) -> Planned:
    try:
        views = found(reader, identifier)
    except CommandError as error:
        return Planned(given=identifier, problem=error)
    if len(views) == 1:
        event = views[0].summary.id
        return Planned(given=identifier, event=event, handler=handler, view=views[0])
    ours = ", ".join(view.summary.id for view in views)
    problem = CommandError(
        f"{len(views)} events have this id; name one of ours: {ours}",
        exit_code=Exit.NO,
        code="ambiguous",
    )
    return Planned(given=identifier, problem=problem)


def events_found(
    reader: StoreReader, search: EventSearch, handler: str | None, *, now: float, limit: int
) -> list[Planned]:
    """The events that a search finds, the newest first."""
    listed = reader.events(
        source=search.source,
        event_type=search.event_type,
        state=search.state,
        since=since_when(search.since, now),
        before=search.before and whole(reader, search.before),
        limit=limit,
    )
    return [Planned(given=one.id, event=one.id, handler=handler, before=one.id) for one in listed]


def letters_found(
    reader: StoreReader, search: EventSearch, handler: str | None, *, now: float, limit: int
) -> list[Planned]:
    """The dead letters that a search finds, the last to be given up first.

    Parked ones are among them only where the state says so: to retry one says that somebody has
    looked at the provider.
    """
    plan: list[Planned] = []
    before, parked = place(search.before), search.state is State.NEEDS_RECONCILE
    while len(plan) < limit:
        letters = reader.dead_letters(
            source=search.source,
            event_type=search.event_type,
            since=since_when(search.since, now),
            before=before,
            limit=_PAGE,
        )
        for one in letters:
            before = (one.at, one.event, one.handler)
            wanted = handler in {None, one.handler}
            if wanted and parked == (one.reason == Outcome.NEEDS_RECONCILE):
                its = Planned(
                    given=one.event, event=one.event, handler=one.handler, before=place_text(before)
                )
                plan.append(its)
        if len(letters) < _PAGE:
            break
    return plan[:limit]


def noted(note: str) -> str:
    """A note for the record, which has to say something."""
    if not 0 < len(note.strip()) <= NOTE_LENGTH_MAX:
        raise usage(f"--note takes 1 to {NOTE_LENGTH_MAX} characters")
    return note.strip()


def since_when(text: str | None, now: float) -> float | None:
    """`2h` ago, or a time in UTC as the lists show it; as Unix seconds."""
    if text is None:
        return None
    if span := _SPAN(text):
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise usage(
            f"--since {text}: neither a time nor a span", hint="--since 2h, or 2026-05-31T08:00Z"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def place_text(before: Before) -> str:
    """Where a list of jobs goes on, as `--before` takes it."""
    at, event, handler = before
    return f"{at!r}/{event}/{handler}"


def place(text: str | None) -> Before | None:
    """The same, read."""
    if text is None:
        return None
    at, _, rest = text.partition("/")
    event, _, handler = rest.partition("/")
    try:
        return float(at), event, handler
    except ValueError:
        raise usage(
            f"--before {text}: not what a list of jobs ends with", hint="copy it from there"
        ) from None
