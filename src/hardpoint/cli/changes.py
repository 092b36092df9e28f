"""Retrying, replaying, resolving: through the server where one runs, else in the store itself.

Without a server this process takes the store's lock, so that none can start meanwhile; the jobs
it makes wait for the next one. It knows no application then, so a replay without `--handler` means
the handlers that have had the event before.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Literal

from hardpoint.cli.failures import CommandError, Exit, Failure, failure_of
from hardpoint.cli.looking import found, holder_of, store_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal, plain
from hardpoint.core.errors import HardpointError
from hardpoint.hub.settings import Settings
from hardpoint.service.operator import Operator, running
from hardpoint.store.engine import Role, StoreEngine, engine
from hardpoint.store.views import EventView, StoreReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOption:
    """What is asked for, the same for every event."""

    action: Literal["retry", "replay", "resolve"]
    handler: str | None = None
    force: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What became of one id."""

    given: str
    event: str | None = None
    jobs: int = 0
    problem: str | None = None
    exit_code: Exit = Exit.OK


def carry_out(
    terminal: Terminal, config: Path, identifiers: Sequence[str], change: ChangeOption
) -> int:
    """Change every event named, tell what became of each, and give the exit code."""
    settings = Settings.load(config, secrets=False)
    with store_of(config) as reader:
        views = {one: _resolved(reader, one) for one in dict.fromkeys(identifiers)}
    operator = running(settings.store.path)
    if operator is not None:
        results = [_ordered(operator, given, view, change) for given, view in views.items()]
    else:
        _refuse_held(settings.store.path, change)
        results = asyncio.run(_alone(settings, views, change))
    code = _report(terminal, change, results)
    if operator is None and change.action != "resolve" and any(one.jobs for one in results):
        terminal.say("No server runs here: the jobs wait for the next one\nnext:  hardpoint serve")
    return code


def _refuse_held(database: Path, change: ChangeOption) -> None:
    """Say what to do where a process has the store that takes no orders from here."""
    holder = holder_of(database)
    if holder is not None:
        raise CommandError(
            f"process {holder} has the store, and takes no orders from the command line. If it is"
            f" an application with a hub in it, call `await hub.{change.action}(...)` there; only"
            " `hardpoint serve` takes them from here",
            exit_code=Exit.UNREACHABLE,
            code="held",
            hint=f"do it in process {holder}, or stop it and repeat this command",
        )


def _resolved(reader: StoreReader, identifier: str) -> EventView | CommandError:
    """The one event of an id, or why there is no such one."""
    try:
        views = found(reader, identifier)
    except CommandError as error:
        return error
    if len(views) == 1:
        return views[0]
    ours = ", ".join(view.summary.id for view in views)
    return CommandError(
        f"{len(views)} events have this id; name one of ours: {ours}",
        exit_code=Exit.NO,
        code="ambiguous",
    )


def _ordered(
    operator: Operator, given: str, view: EventView | CommandError, change: ChangeOption
) -> _Result:
    """By the server's hand."""
    if isinstance(view, CommandError):
        return _failed(given, None, view)
    event, actor = view.summary.id, _actor()
    try:
        if change.action == "retry":
            jobs = operator.retry(event, change.handler, actor=actor)
        elif change.action == "resolve":
            jobs = operator.resolve(event, change.handler, note=change.note, actor=actor)
        else:
            jobs = operator.replay(event, change.handler, force=change.force, actor=actor)
    except HardpointError as error:
        return _failed(given, event, error)
    return _made(given, view, jobs, change)


async def _alone(
    settings: Settings, views: Mapping[str, EventView | CommandError], change: ChangeOption
) -> list[_Result]:
    """By our own hand, under the store's lock."""
    store = engine(settings.store.url, retention=settings.store.retention)
    await store.open(Role.OPERATE)
    try:
        return [await _changed(store, given, view, change) for given, view in views.items()]
    finally:
        await store.close()


async def _changed(
    store: StoreEngine, given: str, view: EventView | CommandError, change: ChangeOption
) -> _Result:
    if isinstance(view, CommandError):
        return _failed(given, None, view)
    event, actor = view.summary.id, _actor()
    if change.action == "retry":
        jobs = await store.retry(event, change.handler, actor=actor)
    elif change.action == "resolve":
        jobs = await store.resolve(event, change.handler, note=change.note, actor=actor)
    else:
        names = (change.handler,) if change.handler else _known_handlers(view)
        jobs = await store.replay(event, names, force=change.force, actor=actor)
    return _made(given, view, jobs, change)


def _known_handlers(view: EventView) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.handler for one in (*view.attempts, *view.dead)))


def _actor() -> str:
    """Who did it, for the audit record."""
    return f"command line, uid {os.getuid()}"


def _made(given: str, view: EventView, jobs: int, change: ChangeOption) -> _Result:
    event = view.summary.id
    if jobs:
        return _Result(given=given, event=event, jobs=jobs)
    waits = _WAITS.get(change.action) if view.jobs else None
    problem = waits or _NOTHING[change.action]
    return _Result(given=given, event=event, problem=problem, exit_code=Exit.NO)


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


def _failed(given: str, event: str | None, error: Exception) -> _Result:
    failure = failure_of(error)
    return _Result(given=given, event=event, problem=failure.message, exit_code=failure.exit_code)


def _report(terminal: Terminal, change: ChangeOption, results: Sequence[_Result]) -> int:
    wrong = [one for one in results if one.exit_code]
    rows = [(one.given, str(one.jobs), one.problem or "ok") for one in results]
    data = {
        "action": change.action,
        "results": [
            {"given": one.given, "id": one.event, "jobs": one.jobs, "problem": one.problem}
            for one in results
        ],
    }
    failure = None
    if wrong:
        failure = Failure(
            code="partly_done" if len(wrong) < len(results) else "not_done",
            message=f"{len(wrong)} of {len(results)} could not be done: {wrong[0].problem}",
            hint=f"hardpoint events show {quote(plain(wrong[0].given))}",
            exit_code=Exit.PARTLY if len(wrong) < len(results) else wrong[0].exit_code,
        )
    terminal.show(data, Table(("EVENT", "JOBS", "RESULT"), rows), failure=failure)
    return Exit.OK if failure is None else failure.exit_code
