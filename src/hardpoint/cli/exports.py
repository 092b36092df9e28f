"""`hardpoint events diff` and `events export`: two payloads side by side, and many in a file."""

import json as jsons
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, cast

import typer

from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.cli.looking import found, store_of
from hardpoint.cli.options import (
    CONFIG,
    Config,
    Json,
    SinceFilter,
    SourceFilter,
    StateFilter,
    TypeFilter,
    terminal_of,
)
from hardpoint.cli.progress import progress
from hardpoint.cli.selection import since_when
from hardpoint.cli.tables import Table
from hardpoint.cli.views import event_data
from hardpoint.store.views import EventView, StoreReader

PAGE: Final = 200
_ABSENT: Final = object()
_SHOWN_MAX: Final = 200

OneIdentifier = Annotated[str, typer.Argument(help="Our id, the start of it, or the vendor's id.")]


def diff(
    context: typer.Context,
    before: OneIdentifier,
    after: OneIdentifier,
    *,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Show in what the payloads of two events differ. Exit code 1 means that they do."""
    terminal = terminal_of(context, json=json)
    with store_of(config) as store:
        bodies = [_document(found(store, one)[0]) for one in (before, after)]
    changes = [*differences(*bodies)]
    rows = [(path or "/", _shown(old), _shown(new)) for path, old, new in changes]
    data = {
        "differences": [
            {"path": path, "before": _plain(old), "after": _plain(new)}
            for path, old, new in changes
        ]
    }
    if rows:
        terminal.show(data, Table(("PATH", "BEFORE", "AFTER"), rows))
    else:
        terminal.show(data, "their payloads are the same")
    return Exit.NO if rows else Exit.OK


def export(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; else to stdout."),
    ] = None,
    source: SourceFilter = None,
    event_type: TypeFilter = None,
    state: StateFilter = None,
    since: SinceFilter = None,
    json: Json = False,
) -> int:
    """Write events as lines of JSON, bodies included.

    Bodies are personal data more often than not: the file is made for its owner alone, and an
    existing one is not touched.
    """
    terminal = terminal_of(context, json=json)
    if json and output is None:
        raise usage("lines of JSON go to stdout already", hint="leave --json out, or give --output")
    wanted: dict[str, Any] = {"source": source, "event_type": event_type, "state": state}
    wanted["since"] = since_when(since, terminal.clock.now())
    with store_of(config) as store, _opened(output) as file, progress(terminal, "events") as step:
        count = 0
        for view in _views(store, wanted):
            line = jsons.dumps(event_data(view)).encode() + b"\n"
            if file is None:
                terminal.write(line)
            else:
                file.write(line)
            count += 1
            step(count)
    if output is not None:
        terminal.show({"events": count, "file": str(output)}, f"{count} events in {output}")
    return Exit.OK


def _views(store: StoreReader, wanted: Mapping[str, Any]) -> Iterator[EventView]:
    """Every event that is wanted, the newest first, a page at a time."""
    before: str | None = None
    while page := store.events(**wanted, before=before, limit=PAGE):
        for one in page:
            yield from store.event(one.id)
        before = page[-1].id


@contextmanager
def _private(path: Path) -> Generator[BinaryIO]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise CommandError(
            f"{path} exists",
            exit_code=Exit.REFUSED,
            code="exists",
            hint="name another file, or take that one away",
        ) from None
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}", exit_code=Exit.NO, code="not_written"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _opened(path: Path | None) -> Any:
    return nullcontext() if path is None else _private(path)


def _document(view: EventView) -> Any:
    if view.body is None:
        raise CommandError(
            f"the body of {view.summary.id} was removed after its retention",
            exit_code=Exit.NO,
            code="no_body",
            hint=f"hardpoint events show {view.summary.id}",
        )
    try:
        return jsons.loads(view.body)
    except (ValueError, RecursionError):
        return view.body.decode("utf-8", "backslashreplace")


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two documents differ, as JSON pointers, in the order of the first."""
    left: list[tuple[str, Any, Any]] = [(path, before, after)]
    while left:
        change = left.pop()
        at, old, new = change
        if isinstance(old, dict) and isinstance(new, dict):
            ours, theirs = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
            names = dict.fromkeys((*ours, *theirs))
            pairs = [(name, ours.get(name, _ABSENT), theirs.get(name, _ABSENT)) for name in names]
        elif isinstance(old, list) and isinstance(new, list):
            pairs = _items(cast("list[Any]", old), cast("list[Any]", new))
        elif (type(change[1]), change[1]) == (type(change[2]), change[2]):
            continue
        else:
            yield change
            continue
        left.extend(
            (f"{at}/{name.replace('~', '~0').replace('/', '~1')}", one, other)
            for name, one, other in reversed(pairs)
        )


def _items(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[str, Any, Any]]:
    longest = max(len(old), len(new))
    return [
        (
            str(index),
            old[index] if index < len(old) else _ABSENT,
            new[index] if index < len(new) else _ABSENT,
        )
        for index in range(longest)
    ]


def _shown(value: Any) -> str:
    return "(absent)" if value is _ABSENT else jsons.dumps(value, ensure_ascii=False)[:_SHOWN_MAX]


def _plain(value: Any) -> Any:
    return None if value is _ABSENT else value


def register(app: typer.Typer) -> None:
    """Make them commands of `events`."""
    app.command()(diff)
    app.command()(export)
