"""`hardpoint keys`: who may call our own endpoints.

Every command works beside a running server, which sees the change within five seconds.
"""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from hardpoint.api_keys import ApiKey, ApiKeys, NewApiKey
from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.cli.options import CONFIG, Config, Json, Listing, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.views import moment
from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.hub.settings import Settings
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork

app = commands(Listing)

_Result = TypeVar("_Result")
_SPAN: Final = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Named = Annotated[
    str, typer.Argument(metavar="KEY", help="The key's id, or its beginning as `list` shows it.")
]
TenantOption = Annotated[str, typer.Option(help="Whose key it is.")]


@app.callback()
def keys() -> None:
    """Make, list, revoke and rotate the API keys by which others call you."""


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; repeat it for several.")
    ] = None,
    tenant: TenantOption = "default",
    expires: Annotated[
        str | None, typer.Option(metavar="SPAN", help="When it ends: 90d. Default: never.")
    ] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Make a key. It is printed once, on stdout, and cannot be shown again."""
    terminal = terminal_of(context, json=json)
    life = None if expires is None else _seconds("--expires", expires)
    made = _done(
        config,
        lambda keys: keys.create(name, scopes=scope or (), tenant=tenant, expires_in=life),
    )
    _show_once(terminal, made)
    return Exit.OK


@app.command("list")
def list_(
    context: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """List all keys, those that are not taken any more too."""
    terminal = terminal_of(context, json=json)
    found = _done(config, lambda keys: keys.list(tenant=tenant))
    data = {"keys": [_data(one, terminal.clock.now()) for one in found]}
    if found:
        terminal.show(data, _table(found, terminal.clock.now()))
    else:
        terminal.show(data, "There is no key")
        terminal.say("next:  hardpoint keys create NAME")
    return Exit.OK


@app.command()
def revoke(
    context: typer.Context, key: Named, *, config: Config = CONFIG, json: Json = False
) -> int:
    """Take a key out of use; every process refuses it within five seconds."""
    terminal = terminal_of(context, json=json)
    after = _done(config, lambda keys: keys.revoke(key))
    told = f"{after.prefix} ({after.name}) is revoked"
    terminal.show(_data(after, terminal.clock.now()), told)
    return Exit.OK


@app.command()
def rotate(
    context: typer.Context,
    key: Named,
    *,
    grace: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the old one is taken still.")
    ] = "24h",
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Make a key in place of another. It is printed once, and cannot be shown again."""
    terminal = terminal_of(context, json=json)
    seconds = _seconds("--grace", grace)
    made = _done(config, lambda keys: keys.rotate(key, grace=seconds))
    _show_once(terminal, made)
    terminal.say(f"The old one, {key}, is taken for {grace} more")
    return Exit.OK


def _done(config: Path, work: Callable[[ApiKeys], Coroutine[Any, Any, _Result]]) -> _Result:
    """Work on the keys, without an event loop."""
    settings = Settings.load(config, secrets=False)

    async def alone() -> _Result:
        keys = settings.api_keys.keys(work=BlockingWork())
        try:
            return await work(keys)
        finally:
            await keys.close()

    try:
        return run(alone())
    except NotFoundError as error:
        hint = "hardpoint keys list"
        raise CommandError(str(error), exit_code=Exit.NO, code="not_found", hint=hint) from None
    except InvalidRequestError as error:
        raise usage(str(error)) from None


def _seconds(option: str, text: str) -> float:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise usage(f"{option} {text}: is no span of time", hint=f"{option} 90d, or 12h, 30m, 0s")
    return int(found[1]) * _UNITS[found[2]]


def _show_once(terminal: Terminal, made: NewApiKey) -> None:
    secret = made.secret.reveal()
    terminal.show({"key": secret, **_data(made.key, terminal.clock.now())}, secret)
    terminal.say(f"Keep it now: it cannot be shown again. Its id is {made.key.id}")


def _state(key: ApiKey, now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.usable(now) else "expired"


def _data(key: ApiKey, now: float) -> dict[str, Any]:
    return {**msgspec.to_builtins(key), "state": _state(key, now)}


def _table(found: tuple[ApiKey, ...], now: float) -> Table:
    rows = [
        (
            one.prefix,
            one.name,
            one.tenant,
            _state(one, now),
            " ".join(one.scopes) or "-",
            moment(one.expires_at),
            moment(one.last_used_at),
            one.id,
        )
        for one in found
    ]
    return Table(("KEY", "NAME", "TENANT", "STATE", "SCOPES", "EXPIRES", "LAST USED", "ID"), rows)
