"""`hardpoint store`: its tables brought up, and the way from SQLite to PostgreSQL."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from hardpoint.cli.failures import Exit, refused, usage
from hardpoint.cli.options import CONFIG, Config, DryRunOption, Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.core.effects import Clock
from hardpoint.core.secrets import Secret
from hardpoint.hub.settings import Settings
from hardpoint.store.migration import MigrationPlan, migrate_store, migration_plan

VAULT_FILE: Final = "vault.db"
"""The vault's file, where the configuration names no other."""

app = commands()


@app.callback()
def store() -> None:
    """Bring a store's tables up to this version, or copy a store from SQLite to PostgreSQL."""


@app.command()
def migrate(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The store, in place of the configuration's: for a role that may change tables. "
            "A URL without a password, or env:NAME or file:PATH that holds one.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    json: Json = False,
) -> int:
    """Bring the store's tables up to this version; what runs on them goes on meanwhile.

    A store in SQLite needs no such thing: whoever opens it next brings it up.
    """
    terminal = terminal_of(context, json=json)
    where = _url(url) if url else Settings.load(config, secrets=False).store.url
    plan = migration_plan(where)
    name = shown(where)
    ahead = f"{name} has tables of version {plan.found}; this hardpoint has {plan.wanted}"
    if plan.engine == "sqlite":
        then = "whoever opens it next brings them up" if plan.steps else "nothing is to be done"
        terminal.show(_plan_data(plan, reached=plan.found), f"{ahead}: {then}")
        return Exit.OK
    if not plan.steps:
        terminal.show(_plan_data(plan, reached=plan.found), f"{ahead}: nothing is to be done")
        return Exit.OK
    steps = Table(("STEP", "NAME"), [(str(n), one) for n, one in enumerate(plan.steps, 1)])
    if dry_run:
        terminal.show(_plan_data(plan, reached=plan.found), ahead, steps)
        terminal.say("nothing was changed\nnext:  hardpoint store migrate")
        return Exit.OK
    terminal.say(f"{ahead}\nwill run {', '.join(plan.steps)}")
    migrate_store(
        where,
        reached=lambda version: terminal.say(f"reached version {version}"),
        waiting=terminal.say,
        pause=terminal.sleep,
    )
    done = f"{name} has tables of version {plan.wanted}"
    terminal.show(_plan_data(plan, reached=plan.wanted), done)
    return Exit.OK


@app.command()
def copy(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="sqlite:FILE")],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="postgresql://... without a password, or env:NAME or file:PATH that holds one.",
        ),
    ],
    *,
    vault: Annotated[
        Path | None,
        typer.Option(help=f"The vault's file. Default: {VAULT_FILE} beside the store, if there."),
    ] = None,
    running: Annotated[
        bool,
        typer.Option(
            "--running",
            help="Copy while the source is in use, for a rehearsal: what comes later is left out.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Copy all that a store in SQLite holds to PostgreSQL, and count it on both sides.

    Stop what serves from it first. Interrupted, it goes on where it was when it is run again.
    """
    from hardpoint.store.copying import CopyRefusedError, copy_store

    terminal = terminal_of(context, json=json)
    source, target = _url(source), _url(target)
    if vault is None:
        beside = Path(source.partition(":")[2]).with_name(VAULT_FILE)
        vault = beside if beside.is_file() else None
    try:
        report = copy_store(
            source, target, vault=vault, running=running, progress=_Progress(terminal)
        )
    except CopyRefusedError as error:
        raise refused(str(error), hint=error.hint) from error
    counts = [(one.kind, one.state, str(one.rows)) for one in report.counts]
    data = {
        "counts": [
            {"kind": kind, "state": state, "count": rows} for kind, state, rows in report.counts
        ],
        "vault": None if vault is None else str(vault),
        "resumed": report.resumed,
        "finished_before": report.finished,
    }
    verdict = (
        "This was copied before; what the database holds now:"
        if report.finished
        else f"Copied to {shown(target)}, and counted on both sides:"
    )
    terminal.show(data, verdict, Table(("KIND", "STATE", "COUNT"), counts))
    if not running:
        terminal.say(
            "The source is as it was, and what waits in it waits in both: never serve from it again"
            '\nnext:  write [store] url = "postgresql://..." in hardpoint.toml'
        )
    return Exit.OK


def shown(url: str) -> str:
    """A store for people: without user, password and options."""
    scheme, _, rest = url.partition(":")
    if not scheme.startswith("postgres"):
        return rest
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _url(given: str) -> str:
    """A URL, or what a reference holds; a password on the command line is in plain sight."""
    if given.startswith(("env:", "file:")):
        return Secret.parse(given, key="URL").reveal()
    if "password=" in given or (urlsplit(given).password and not given.startswith("sqlite:")):
        raise usage(
            "the URL holds a password, which everybody on this machine can see",
            hint="export it, and write env:NAME; or leave the password to PGPASSWORD",
        )
    return given


def _plan_data(plan: MigrationPlan, *, reached: int) -> dict[str, object]:
    return {
        "engine": plan.engine,
        "found": plan.found,
        "wanted": plan.wanted,
        "steps": list(plan.steps),
        "version": reached,
    }


class _Progress:
    """Says how far it has come, once a second at most."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._clock: Clock = terminal.clock
        self._next = self._clock.monotonic() + 1.0

    def __call__(self, table: str, done: int, total: int) -> None:
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + 1.0
            self._terminal.say(f"{table}: {done} of {total}")
