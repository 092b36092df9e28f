"""`hardpoint secrets`: which secrets the configuration names, and whether they can be used."""

from pathlib import Path
from typing import Any

import typer

from hardpoint.cli.failures import Exit, Failure
from hardpoint.cli.health import span
from hardpoint.cli.options import CONFIG, Config, Json, Listing, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.hub.settings import Settings

app = commands(Listing)


@app.callback()
def secrets() -> None:
    """List the secrets that the configuration names, and check them; none is ever shown."""


@app.command("list")
def list_(context: typer.Context, *, config: Config = CONFIG, json: Json = False) -> int:
    """List where each secret comes from, and how old it is where that can be told."""
    terminal = terminal_of(context, json=json)
    found = _found(config, terminal.clock.now())
    _show(terminal, found, None)
    return Exit.OK


@app.command()
def doctor(context: typer.Context, *, config: Config = CONFIG, json: Json = False) -> int:
    """Read every secret, and say what is wrong with it: missing, empty, or open to others."""
    terminal = terminal_of(context, json=json)
    found = _found(config, terminal.clock.now())
    bad = [one for one in found if one["result"] == "fail"]
    failure = None
    if bad:
        failure = Failure(
            code="unusable",
            message=f"{bad[0]['key']}: {bad[0]['detail']}",
            hint=f"set {bad[0]['reference']}",
            exit_code=Exit.NO,
        )
    _show(terminal, found, failure)
    return Exit.OK if failure is None else Exit.NO


def _found(config: Path, now: float) -> list[dict[str, Any]]:
    settings = Settings.load(config, secrets=False)
    return [_looked_at(key, secret, now) for key, secret in settings.secrets()]


def _looked_at(key: str, secret: Secret, now: float) -> dict[str, Any]:
    result, detail = "ok", "-"
    if (exposed := secret.exposure()) is not None:
        result, detail = "warn", exposed
    try:
        secret.reveal()
    except ConfigurationError as error:
        result, detail = "fail", error.problem
    return {
        "key": key,
        "reference": secret.reference,
        "result": result,
        "detail": detail,
        "age_seconds": _age(secret.reference, now),
    }


def _age(reference: str, now: float) -> float | None:
    kind, _, path = reference.partition(":")
    try:
        return max(0.0, now - Path(path).stat().st_mtime) if kind == "file" else None
    except OSError:  # the result says so
        return None


def _show(terminal: Terminal, found: list[dict[str, Any]], failure: Failure | None) -> None:
    rows = [
        (one["key"], one["reference"], span(one["age_seconds"]), one["result"], one["detail"])
        for one in found
    ]
    table = Table(("KEY", "FROM", "AGE", "RESULT", "DETAIL"), rows)
    terminal.show({"secrets": found}, table, failure=failure)
