"""`hardpoint oauth`: connected accounts, where they stand, and the keys they are sealed under.

Every command works beside a running server: the vault's file is made for several processes.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from hardpoint.cli.connecting import PORT, connected, connected_by_device
from hardpoint.cli.failures import CommandError, Exit, Failure
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.ready import read_on, ready_lines, ready_providers
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.views import moment
from hardpoint.hub.settings import Settings
from hardpoint.oauth.device import DeviceCode
from hardpoint.oauth.keyring import new_key as entry_of_a_keyring
from hardpoint.oauth.states import ConnectionState, ConnectionStatus
from hardpoint.oauth.vault import SLOT, TENANT, Vault
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork

app = commands()

_Result = TypeVar("_Result")
_HELPLESS: Final = frozenset({ConnectionState.NEEDS_REAUTH, ConnectionState.IN_DOUBT})

ConnectionOption = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's name.")
]
Tenant = Annotated[str, typer.Option(help="The tenant it belongs to.")]


@app.callback()
def oauth() -> None:
    """Show, connect, refresh and revoke accounts; manage the vault's keys."""


@app.command()
def status(
    context: typer.Context,
    *,
    config: Config = CONFIG,
    tenant: Annotated[str | None, typer.Option(help="Only connections of this tenant.")] = None,
    json: Json = False,
) -> int:
    """List connected accounts. Exit code 1 means that one needs its user, or you."""
    terminal = terminal_of(context, json=json)
    found = run(_alone(config, lambda vault: vault.connections(tenant=tenant)))
    bad = [one for one in found if one.state in _HELPLESS or one.client_refused]
    failure = _failure(bad) if bad else None
    data = {"connections": [_data(one) for one in found]}
    if found:
        terminal.show(data, _table(found), failure=failure)
    else:
        terminal.show(data, "No account is connected" + (f" for {tenant}" if tenant else ""))
        terminal.say("next:  hardpoint oauth connect NAME, or have a user connect one")
    return Exit.NO if bad else Exit.OK


@app.command()
def connect(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The registration, [oauth.NAME].")],
    *,
    config: Config = CONFIG,
    tenant: Tenant = TENANT,
    connection: Annotated[
        str | None, typer.Option("--as", help="The connection's name. Default: NAME.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The local port the browser returns to.")
    ] = PORT,
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the browser.")] = 300.0,
    device: Annotated[
        bool,
        typer.Option("--device", help="Enter a code in a browser elsewhere; none comes back here."),
    ] = False,
    json: Json = False,
) -> int:
    """Connect an account by hand: open the address it prints.

    Register http://127.0.0.1:8765/auth/callback/NAME at the provider first. With --device nothing
    has to be registered, and the browser may be on another machine.
    """
    terminal = terminal_of(context, json=json)

    async def by_device() -> int:
        after = await connected_by_device(
            Settings.load(config, secrets=False).identity,
            name,
            tenant=tenant,
            connection=connection,
            show=lambda code: _show_code(terminal, code),
        )
        terminal.show(_data(after), f"{after.connection} is connected: {after.account or name}")
        return Exit.OK

    async def work() -> int:
        done = await connected(
            Settings.load(config, secrets=False).identity,
            name,
            tenant=tenant,
            connection=connection,
            port=port,
            seconds=wait,
            show=lambda url, back: _invite(terminal, url, back, wait),
        )
        called = done.connection or name
        data = {
            "connection": called,
            "tenant": tenant,
            "account": done.account,
            "missing_scopes": list(done.missing),
        }
        terminal.show(data, f"{called} is connected: {done.account or 'the account has no name'}")
        return Exit.OK

    return asyncio.run(by_device() if device else work())


@app.command()
def refresh(
    context: typer.Context,
    connection: ConnectionOption,
    *,
    config: Config = CONFIG,
    tenant: Tenant = TENANT,
    slot: Annotated[str, typer.Option(help="The credential, if it has several.")] = SLOT,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend",
            help="Send the refresh token even if it may have been used: this can end the grant.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Refresh one account's token now."""
    terminal = terminal_of(context, json=json)

    async def work(vault: Vault) -> ConnectionStatus:
        return await vault.refresh(connection, tenant=tenant, slot=slot, resend=resend)

    after = asyncio.run(_connected(config, work))
    terminal.show(_data(after), f"{connection} has a token until {moment(after.expires_at)}")
    return Exit.OK


@app.command()
def revoke(
    context: typer.Context,
    connection: ConnectionOption,
    *,
    config: Config = CONFIG,
    tenant: Tenant = TENANT,
    force: Annotated[
        bool, typer.Option("--force", help="Erase it even if the provider does not confirm.")
    ] = False,
    json: Json = False,
) -> int:
    """Give an account's grant back, and erase its tokens here."""
    terminal = terminal_of(context, json=json)

    async def work(vault: Vault) -> bool:
        return await vault.disconnect(connection, tenant=tenant, force=force)

    confirmed = asyncio.run(_connected(config, work))
    told = (
        "given back, and erased here"
        if confirmed
        else "erased here; the provider has not confirmed"
    )
    terminal.show({"connection": connection, "confirmed": confirmed}, f"{connection}: {told}")
    return Exit.OK


@app.command("rotate-key")
def rotate_key(context: typer.Context, *, config: Config = CONFIG, json: Json = False) -> int:
    """Wrap the data keys with the keyring's first key.

    It says which of the other keys you can remove.
    """
    terminal = terminal_of(context, json=json)
    done = run(_alone(config, lambda vault: vault.rotate_key()))
    terminal.show(
        msgspec.to_builtins(done),
        f"{done.rewrapped} credentials are now wrapped with {done.primary}, as all others are",
        f"Keys that you may take out of the keyring: {', '.join(done.idle) or 'none'}",
    )
    if not (done.rewrapped or done.idle):
        terminal.say(
            "To change keys, make one, put it before the others in the keyring, and repeat this"
            "\nnext:  hardpoint oauth new-key"
        )
    return Exit.OK


@app.command()
def providers(
    context: typer.Context,
    *,
    show: Annotated[
        str | None, typer.Option(metavar="NAME", help="Print the lines of this one.")
    ] = None,
    json: Json = False,
) -> int:
    """List providers whose lines are ready to be copied."""
    terminal = terminal_of(context, json=json)
    known = ready_providers()
    if show is not None:
        lines = list(ready_lines(show))
        one = known[show]
        terminal.show({"provider": show, "lines": lines, "page": one["rule"]}, *lines)
        if "note" in one:
            terminal.say(one["note"])
        terminal.say(f"{read_on(one)}; the vendor's page: {one['rule']}")
        return Exit.OK
    rows = [(name, one["title"], read_on(one)) for name, one in known.items()]
    data = [{"name": name, "title": title, "status": status} for name, title, status in rows]
    terminal.show({"providers": data}, Table(("NAME", "PROVIDER", "LINES"), rows))
    terminal.say("next:  hardpoint oauth providers --show NAME")
    return Exit.OK


@app.command("new-key")
def new_key(context: typer.Context, *, json: Json = False) -> int:
    """Print a new key for a keyring.

    `hardpoint oauth new-key > keyring; chmod 600 keyring`
    """
    terminal = terminal_of(context, json=json)
    made = entry_of_a_keyring(terminal.clock.now(), os.urandom)
    terminal.show({"key": made}, made)
    return Exit.OK


def _invite(terminal: Terminal, url: str, back: str, wait: float) -> None:
    """What to do now: the address on stdout, what to know about it on stderr."""
    terminal.say("Open this address in a browser, and allow access:")
    terminal.stream({"open": url, "redirect_uri": back, "seconds": wait}, url)
    terminal.say(f"Waiting {wait:g} s for it to come back to {back}; that has to be registered.")


def _show_code(terminal: Terminal, code: DeviceCode) -> None:
    terminal.say("Open this address in any browser, and enter the code:")
    terminal.stream({"open": code.url, "code": code.user_code}, f"{code.url}  {code.user_code}")
    whole = code.url_complete
    terminal.say(f"Or open {whole}" if whole else "Enter no code that somebody else has sent.")


async def _alone(config: Path, work: Callable[[Vault], Coroutine[Any, Any, _Result]]) -> _Result:
    """Work on the vault without its clients, and without an event loop."""
    settings = _settings(config)
    async with settings.identity.keeper(work=BlockingWork()) as vault:
        return await work(vault)


async def _connected(
    config: Path, work: Callable[[Vault], Coroutine[Any, Any, _Result]]
) -> _Result:
    """Work on the vault with its clients."""
    settings = _settings(config)
    async with settings.identity.accounts(settings.public_url) as accounts:
        return await work(accounts.vault)


def _settings(config: Path) -> Settings:
    settings = Settings.load(config, secrets=False)
    where = settings.identity.vault
    if where is not None and where.store is None and not where.path.exists():
        raise CommandError(
            f"no account was connected yet: {where.path} does not exist",
            exit_code=Exit.UNREACHABLE,
            code="no_vault",
            hint="hardpoint oauth connect NAME, or have a user connect one",
        )
    return settings


def _data(one: ConnectionStatus) -> dict[str, Any]:
    return msgspec.to_builtins(one)


def _table(found: tuple[ConnectionStatus, ...]) -> Table:
    rows = [
        (
            one.tenant,
            one.connection if one.slot == SLOT else f"{one.connection}/{one.slot}",
            one.state.value,
            one.client_refused or one.reason or "-",
            moment(one.expires_at),
            one.client or one.kind,
            one.account or "-",
        )
        for one in found
    ]
    columns = ("TENANT", "CONNECTION", "STATE", "REASON", "TOKEN UNTIL", "CLIENT", "ACCOUNT")
    return Table(columns, rows)


def _failure(bad: list[ConnectionStatus]) -> Failure:
    first = bad[0]
    if first.client_refused:
        hint = f"renew the secret of [oauth.{first.client}]"
    elif first.state is ConnectionState.IN_DOUBT:
        hint = f"hardpoint oauth refresh {first.connection} --tenant {first.tenant} --resend"
    else:
        hint = f"have the user connect {first.connection} again"
    why = first.client_refused or first.reason or first.state.value
    message = f"{len(bad)} need somebody: {first.connection}: {why}"
    return Failure(code="unhealthy", message=message, hint=hint, exit_code=Exit.NO)
