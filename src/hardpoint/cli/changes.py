"""Retrying, replaying, resolving: a plan is made, shown or carried out, and what became of it told.

The process that owns the store takes the orders over the socket of its guests, and says which
handlers match an event. Without one this process takes the store itself for a moment: the jobs it
makes wait, and a replay without `--handler` means the handlers that have had the event before.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Final, Literal, final

from hardpoint.cli.failures import CommandError, Exit, Failure, failure_of, usage
from hardpoint.cli.looking import holder_of, shortened, store_of
from hardpoint.cli.progress import progress
from hardpoint.cli.selection import EventSearch, Planned, events_found, letters_found, named
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal, plain
from hardpoint.core.errors import ConfigurationError, HardpointError, StoreUnavailableError
from hardpoint.hub.settings import Settings
from hardpoint.store.engine import SharedAccess
from hardpoint.store.guests import Rank
from hardpoint.store.opening import engine
from hardpoint.store.views import EventView, State, StoreReader

LIMIT: Final = 1000
"""Events that a search changes at a time."""
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOption:
    """What is asked for, the same for every event.

    Attributes:
        letters: of dead letters, not of events.
        dry_run: only show the plan.
        plan: the name of a forced replay of many: each event once, however often it is run.
    """

    action: Literal["retry", "replay", "resolve"]
    handler: str | None = None
    force: bool = False
    note: str = ""
    letters: bool = False
    dry_run: bool = False
    plan: str = ""

    @property
    def command(self) -> str:
        """The command that asks for it."""
        if self.letters:
            return f"hardpoint dlq {'discard' if self.action == 'resolve' else self.action}"
        return f"hardpoint events {self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What became of one event."""

    planned: Planned
    jobs: int = 0
    problem: str | None = None
    exit_code: Exit = Exit.OK


Hand = Callable[[Planned, Sequence[EventView]], Awaitable[int]]
"""Has one event changed; gives how many jobs were."""


def carry_out(
    terminal: Terminal,
    config: Path,
    identifiers: Sequence[str] | None,
    search: EventSearch,
    change: ChangeOption,
) -> int:
    """Change what is named or found, tell what became of it, and give the exit code."""
    if bool(identifiers) == search.given:
        raise usage(
            "name events by their ids, or say which: --source, --type, --state or --since",
            hint=f"{change.command} --help",
        )
    if search.given and search.state is None and change.action != "replay":
        search = replace(search, state=State.DEAD)
    change = _planned(terminal, search, change)
    settings = Settings.load(config, secrets=False)
    with store_of(config) as reader:
        if identifiers:
            plan = named(reader, identifiers, change.handler)
        else:
            find = letters_found if change.letters else events_found
            limit = search.limit or LIMIT
            now = terminal.clock.now()
            plan = find(reader, search, change.handler, now=now, limit=limit)
        if change.dry_run:
            return _show(terminal, reader, plan, change)
        run = _Run(reader, plan, search, change)
        try:
            with progress(terminal, "events", len(plan)) as run.step:
                asyncio.run(_shared(settings, run))
        except KeyboardInterrupt:
            run.interrupted = True
    code = _report(terminal, run)
    if run.alone and change.action != "resolve" and any(one.jobs for one in run.results):
        terminal.say("No server runs here: the jobs wait for the next one\nnext:  hardpoint serve")
    return code


def _planned(terminal: Terminal, search: EventSearch, change: ChangeOption) -> ChangeOption:
    """A forced replay of what a search finds has a name, so that it can be gone on with."""
    named = change.action == "replay" and change.force and search.given
    if change.plan and not named:
        raise usage(
            "--plan goes on with a forced replay of what a search finds", hint="add --force"
        )
    return replace(change, plan=change.plan or terminal.ids()[-12:]) if named else change


@final
class _Run:
    """A plan that is carried out.

    Attributes:
        results: so far.
        alone: no other process has the store.
        interrupted: somebody has had enough.
        step: told how many are done.
    """

    def __init__(
        self,
        reader: StoreReader,
        plan: Sequence[Planned],
        search: EventSearch,
        change: ChangeOption,
    ) -> None:
        self.reader = reader
        self.plan = plan
        self.search = search
        self.change = change
        self.results: list[_Result] = []
        self.alone = False
        self.interrupted = False
        self.step: Callable[[int], None] = lambda _: None
        self.actor = f"command line, uid {os.getuid()}"
        self.reason = f"{change.command} {search}" if search.given else ""

    async def by(self, order: Hand) -> None:
        """Have it done, one after another; a search ends at the first that nobody can answer."""
        for one in self.plan:
            await asyncio.sleep(0)  # where it can be interrupted
            result = await self._one(order, one)
            self.results.append(result)
            self.step(len(self.results))
            if result.exit_code is Exit.UNREACHABLE and self.search.given:
                break

    async def _one(self, order: Hand, one: Planned) -> _Result:
        if one.problem is not None:
            return _Result(planned=one, problem=str(one.problem), exit_code=one.problem.exit_code)
        views = [one.view] if one.view else self.reader.event(one.event or "")
        try:
            jobs = await order(one, views)
        except HardpointError as error:
            failure = failure_of(error)
            return _Result(planned=one, problem=failure.message, exit_code=failure.exit_code)
        if jobs:
            return _Result(planned=one, jobs=jobs)
        waits = _WAITS.get(self.change.action) if any(view.jobs for view in views) else None
        problem = waits or (_PLANNED if self.change.plan else _NOTHING[self.change.action])
        return _Result(planned=one, problem=problem, exit_code=Exit.NO)

    @property
    def left(self) -> int:
        """Events of the plan that nothing was done about."""
        return len(self.plan) - len(self.results)


async def _shared(settings: Settings, run: _Run) -> None:
    """By the hand of whoever has the store; our own where nobody has."""
    store = engine(settings.store.url, retention=settings.store.retention)
    shared = store.shared
    change, actor, reason = run.change, run.actor, run.reason

    async def order(one: Planned, views: Sequence[EventView]) -> int:
        event = one.event or ""
        if change.action == "retry":
            return await shared.retry(event, one.handler, actor=actor, reason=reason)
        if change.action == "resolve":
            return await shared.resolve(event, one.handler, note=change.note, actor=actor)
        names = await _wanted(shared, one, views)
        return await shared.replay(
            event, names, force=change.force, actor=actor, reason=reason, plan=change.plan
        )

    try:
        await shared.start(Errand())
    except StoreUnavailableError as error:
        raise _held(settings.store.file, run.change) or error from error
    try:
        run.alone = shared.owner and settings.store.file is not None
        await run.by(order)
    finally:
        await shared.stop()
        await store.close()


async def _wanted(
    shared: SharedAccess, one: Planned, views: Sequence[EventView]
) -> tuple[str, ...]:
    """Who is to handle it: those of the owner, who knows the application."""
    found = ((view.summary.source, view.summary.type) for view in views)
    wanted = await shared.wanted(*next(found, ("", "")))  # it may have gone meanwhile
    if one.handler is not None and wanted.known and one.handler not in wanted.known:
        known = ", ".join(wanted.known)
        raise ConfigurationError(f"handler {one.handler}", "is not known", fix=f"Known: {known}")
    if one.handler is not None:
        return (one.handler,)
    return wanted.matching if wanted.known else _known_handlers(views)


def _held(database: Path | None, change: ChangeOption) -> CommandError | None:
    """What to do where a process has the store and takes no orders."""
    holder = None if database is None else holder_of(database)
    if holder is None:
        return None
    return CommandError(
        f"process {holder} has the store, and takes no orders from the command line: it was opened"
        f" there by a script, say. Call `await hub.{change.action}(...)` there",
        exit_code=Exit.UNREACHABLE,
        code="held",
        hint=f"do it in process {holder}, or stop it and repeat this command",
    )


@final
class Errand:
    """The crew of a process that only brings orders: it works on nothing."""

    rank = Rank.SCRIPT
    home = None
    public = ""

    def take_up(self) -> None:
        """There is nothing to begin."""

    async def lay_down(self, *, clean: bool) -> None:
        """Nor to end."""

    def matching(self, source: str, event_type: str) -> tuple[str, ...]:
        """Nobody here handles anything."""
        return ()

    def known(self) -> tuple[str, ...]:
        """Likewise."""
        return ()

    def arrived(self, handlers: Sequence[str], source: str) -> None:
        """Whoever owns the store next finds it there."""

    def reload(self) -> None:
        """Its configuration was read just now."""


def _known_handlers(views: Sequence[EventView]) -> tuple[str, ...]:
    had = (one.handler for view in views for one in (*view.attempts, *view.dead))
    return tuple(dict.fromkeys(had))


_WAITS = {
    "replay": "it is not through yet; to have it tried now: hardpoint events retry",
    "resolve": "an attempt of it runs now; once that has ended, repeat the command",
}
_NOTHING = {
    "retry": "no job waits or was given up; to have it handled again: hardpoint events replay",
    "resolve": "nothing of it waits, is parked or was given up; to have it handled again: "
    "hardpoint events replay",
    "replay": "no handler to run: add --force where it is done, or name one with --handler",
}


_PLANNED: Final = "no handler to run: name one with --handler; or this plan has replayed it before"


def _show(
    terminal: Terminal,
    reader: StoreReader,
    plan: Sequence[Planned],
    change: ChangeOption,
) -> int:
    """The plan alone."""
    short = shortened(terminal, reader, [one.event for one in plan if one.event])
    rows = [
        (
            short.get(one.event or "", one.event or one.given),
            one.handler or "-",
            str(one.problem) if one.problem else change.action,
        )
        for one in plan
    ]
    data = {
        "action": change.action,
        "dry_run": True,
        "plan": [{"id": one.event, "handler": one.handler} for one in plan],
    }
    terminal.show(data, Table(("ID", "HANDLER", "PLAN"), rows))
    terminal.say(f"{len(plan)} of them. Nothing was done: leave --dry-run out to do it")
    return Exit.OK


def _report(terminal: Terminal, run: _Run) -> int:
    change, results = run.change, run.results
    wrong = [one for one in results if one.exit_code]
    shown = wrong[:_SHOWN] if run.search.given else results
    rows = [(one.planned.given, str(one.jobs), one.problem or "ok") for one in shown]
    last = results[-1].planned.before if results else None
    go_on = run.left or len(run.plan) == (run.search.limit or LIMIT)
    data = {
        "action": change.action,
        "results": [
            {
                "given": one.planned.given,
                "id": one.planned.event,
                "handler": one.planned.handler,
                "jobs": one.jobs,
                "problem": one.problem,
            }
            for one in results
        ],
        "before": last if go_on else None,
        **({"plan": change.plan} if change.plan else {}),
    }
    hint = _go_on(change, last) if go_on and run.search.given else None
    failure = _failure(run, wrong, hint)
    parts = [Table(("EVENT", "JOBS", "RESULT"), rows)] if rows or not run.search.given else []
    if run.search.given:
        jobs = sum(one.jobs for one in results)
        terminal.say(f"{len(results)} of {len(run.plan)} looked at, {jobs} job(s) changed")
    if run.interrupted and failure is not None:
        terminal.say(failure.message)
    terminal.show(data, *parts, failure=failure)
    if hint is not None and not run.interrupted:
        terminal.say(f"next:  {hint}")
    return Exit.OK if failure is None else failure.exit_code


def _go_on(change: ChangeOption, last: str | None) -> str:
    """The command that does the rest; an order that was under way may be given once more."""
    before = "" if last is None else f" --before {quote(last)}"
    plan = f" --plan {quote(change.plan)}" if change.plan else ""
    return f"the same, with{before}{plan}" if before or plan else "the same once more"


def _failure(run: _Run, wrong: Sequence[_Result], hint: str | None) -> Failure | None:
    if run.interrupted:
        message = f"interrupted: {run.left} of {len(run.plan)} are left"
        return Failure(code="interrupted", message=message, hint=hint, exit_code=Exit.INTERRUPTED)
    if run.search.given:  # what there was nothing to do for is no failure of a search
        wrong = [one for one in wrong if one.exit_code is not Exit.NO]
    if not wrong:
        return None
    partly = len(wrong) < len(run.results)
    return Failure(
        code="partly_done" if partly else "not_done",
        message=f"{len(wrong)} of {len(run.results)} could not be done: {wrong[0].problem}",
        hint=f"hardpoint events show {quote(plain(wrong[0].planned.given))}",
        exit_code=Exit.PARTLY if partly else wrong[0].exit_code,
    )
