"""`hardpoint explain`: a vendor's error codes, from the table that its errors are raised from."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.core.providers import every_name, load, provider
from hardpoint.http.errors import ErrorTable, Known, Problem

ANY = "any"
"""Stands for any status, or for any code that has no entry of its own."""

_REFUSAL = 400
"""The status of an error that comes under any."""

_FACTS = ("reason", "soft", "field")
"""What some errors say beside what all do."""

_Entry = Mapping[str, Any]
app = commands()


@app.command()
def explain(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider.")],
    code: Annotated[
        str | None,
        typer.Argument(metavar="CODE", help="The code, as its API sends it. Default: all codes."),
    ] = None,
    *,
    json: Json = False,
) -> int:
    """Say what a vendor's error code means, and what to do.

    Exit code 1 means that the code is not known.
    """
    terminal = terminal_of(context, json=json)
    table = _table(vendor)
    entries = [_entry(table, status, one, known) for (status, one), known in table.known.items()]
    if code is None:
        terminal.show({"provider": vendor, "codes": entries}, _overview(entries))
        return Exit.OK
    found = [entry for entry in entries if entry["code"] == code]
    if not found:
        raise _unknown(vendor, code, table)
    lines = [line for entry in found for line in _lines(vendor, entry)]
    terminal.show({"provider": vendor, "codes": found}, *lines)
    return Exit.OK


def _table(vendor: str) -> ErrorTable:
    having = [name for name in every_name() if provider(name).errors is not None]
    if vendor not in having:
        raise usage(f"{vendor!r} has no table of errors", hint=f"with one: {', '.join(having)}")
    return load(provider(vendor).errors or "")


def _entry(table: ErrorTable, status: int | None, code: str | None, known: Known) -> _Entry:
    error = table.error(Problem(status=status or _REFUSAL, code=code))
    return {
        "code": code,
        "status": status,
        "meaning": known.meaning,
        "action": known.action,
        "error": type(error).__name__,
        "kind": error.code,
        "retryable": error.retryable,
        "outcome_known": error.outcome_known,
        "facts": {name: vars(error)[name] for name in _FACTS if name in vars(error)},
    }


def _lines(vendor: str, entry: _Entry) -> list[str]:
    facts = ", ".join(f"{name}={value}" for name, value in entry["facts"].items())
    return [
        f"{vendor} {entry['code']}  HTTP {entry['status'] or ANY}",
        f"  meaning  {entry['meaning']}",
        f"  action   {entry['action']}",
        f"  raises   {entry['error']}" + (f" ({facts})" if facts else ""),
        f"  retry    {'yes, the same call may succeed later' if entry['retryable'] else 'no'}",
        f"  outcome  {'known' if entry['outcome_known'] else 'unknown: it may have acted'}",
    ]


def _overview(entries: Sequence[_Entry]) -> Table:
    rows = [
        [
            entry["code"] or ANY,
            str(entry["status"] or ANY),
            entry["error"],
            "retry" if entry["retryable"] else "",
            entry["meaning"],
        ]
        for entry in entries
    ]
    return Table(["CODE", "HTTP", "ERROR", "RETRY", "MEANING"], sorted(rows))


def _unknown(vendor: str, code: str, table: ErrorTable) -> CommandError:
    codes = {one for _, one in table.known if one is not None}
    close = difflib.get_close_matches(code, codes, 3)
    like = f"; close to it: {', '.join(close)}" if close else ""
    return CommandError(
        f"{vendor} has no code {code!r} that we know{like}",
        exit_code=Exit.NO,
        code="unknown_code",
        hint=" ".join(["hardpoint explain", vendor, *close[:1]]),
    )
