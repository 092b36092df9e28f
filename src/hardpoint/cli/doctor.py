"""`hardpoint doctor`: what is well, what is not, and what to do about it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import typer

from hardpoint.cli.failures import Exit, Failure, failure_of
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.presence import processes
from hardpoint.cli.tables import Table
from hardpoint.cli.views import moment
from hardpoint.core.effects import Clock
from hardpoint.core.errors import ConfigurationError, HardpointError
from hardpoint.core.secrets import Secret
from hardpoint.hub.identity import IdentitySettings
from hardpoint.hub.oauth import Purpose
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.hub.stores import StoreSettings
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.opening import engine
from hardpoint.store.sqlite import library_finding
from hardpoint.store.views import NoStoreYetError
from hardpoint.webhooks.refusals import recent, told

app = commands()


_PURPOSES: tuple[Purpose, ...] = ("login", "connect")
_Result = Literal["ok", "warn", "fail"]
_Verdict = tuple[_Result, str, str | None]
"""Result, detail, and the next thing to type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What one check found; `fix` is the next thing to type."""

    check: str
    result: _Result
    detail: str
    fix: str | None = None


@app.command()
def doctor(context: typer.Context, *, config: Config = CONFIG, json: Json = False) -> int:
    """Check configuration, secrets, store and server.

    Exit code 0 means that nothing is broken; a warning alone does not count.
    """
    terminal = terminal_of(context, json=json)
    findings = list(_findings(config, terminal.clock))
    broken = [one for one in findings if one.result == "fail"]
    failure = None
    if broken:
        first = broken[0]
        message = f"{len(broken)} of {len(findings)} checks failed: {first.check}: {first.detail}"
        failure = Failure(code="unhealthy", message=message, hint=first.fix, exit_code=Exit.NO)
    rows = [(one.check, one.result, one.fix or "-", one.detail) for one in findings]
    data = {"findings": [asdict(one) for one in findings]}
    terminal.show(data, Table(("CHECK", "RESULT", "NEXT", "DETAIL"), rows), failure=failure)
    return Exit.NO if broken else Exit.OK


def _findings(config: Path, clock: Clock) -> Iterator[_Finding]:
    try:
        settings = Settings.load(config, secrets=False)
    except HardpointError as error:
        yield _broken("configuration", error)
        yield _library(library_finding())
        return
    file = settings.store.file
    yield _Finding(check="configuration", result="ok", detail=str(config))
    for name in settings.webhooks:
        yield _finding(f"source {name}", partial(_source, settings, name))
    for name in settings.connections:
        yield _finding(f"connection {name}", partial(_connection, settings, name))
    yield from _exposed(settings)
    stored = bool(settings.webhooks) or file is None or file.exists()
    if stored:
        yield _finding("store", partial(_store, settings.store))
        yield from _of_engine(settings.store)
    yield from _refusals(settings.store, clock)
    yield from _failing(settings.store)
    for name in settings.identity.oauth:
        yield _finding(f"oauth {name}", partial(_registration, settings, name))
    if settings.identity.vault is not None:
        yield _finding("vault", partial(_vault, settings.identity))
    if stored and file is not None:
        yield from _processes(settings.store, file, clock)
    if file is not None:
        yield _library(library_finding())


def _finding(check: str, judge: Callable[[], _Verdict]) -> _Finding:
    """What a check found; what it raises is what is broken."""
    try:
        result, detail, fix = judge()
    except HardpointError as error:
        return _broken(check, error)
    return _Finding(check=check, result=result, detail=detail, fix=fix)


def _broken(check: str, error: HardpointError) -> _Finding:
    failure = failure_of(error)
    fix = None if failure.hint == "hardpoint doctor" else failure.hint
    return _Finding(check=check, result="fail", detail=failure.message, fix=fix)


def _library(finding: str | None) -> _Finding:
    result = "ok" if finding is None else "warn"
    return _Finding(check="sqlite library", result=result, detail=finding or "no known defect")


def _source(settings: Settings, name: str) -> _Verdict:
    """Whether a source's secrets can be read and suit its provider."""
    source = settings.webhooks[name]
    prepared, _ = prepare(replace(settings, webhooks={name: source}))
    forwarded = ", forwarded" if source.forward else ""
    whom = prepared[name].unsigned
    if whom is not None:
        return "warn", f"unsigned: nothing proves who sends; taken from {whom}{forwarded}", None
    return "ok", f"{source.provider}, {len(source.secrets)} secret(s){forwarded}", None


def _connection(settings: Settings, name: str) -> _Verdict:
    """Whether a connection's secrets can be read and suit its provider; nothing is sent."""
    connection = settings.connections[name]
    connection.check(vault=settings.identity.vault is not None)
    for secret in connection.options.values():
        if isinstance(secret, Secret):  # some are read at the first call only
            secret.reveal()
    return "ok", f"{connection.provider}, {connection.policy.preset}", None


def _exposed(settings: Settings) -> Iterator[_Finding]:
    """Secrets in files that others can read; mounted by an orchestrator they often must be."""
    for key, secret in settings.secrets():
        if exposed := secret.exposure():
            detail = f"{secret.reference}: {exposed}"
            yield _Finding(check=f"secret {key}", result="warn", detail=detail)


def _store(settings: StoreSettings) -> _Verdict:
    file = settings.file
    if file is not None and not file.exists():
        log = file.with_name(f"{file.name}-wal")
        if log.exists():
            detail = f"{file} is missing, but its log is there, with what came last"
            return "fail", detail, f"put the file back, or move {log.name} away as well"
        return "warn", f"{file} does not exist yet; the server makes it", "hardpoint serve"
    try:
        with closing(engine(settings.url).reader()) as reader:
            counts = reader.counts()
    except NoStoreYetError as error:
        return "warn", str(error), "hardpoint serve"
    detail = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if counts["dead"] or counts["needs_reconcile"]:
        return "warn", detail, "hardpoint dlq list"
    return "ok", detail or "no events yet", None


def _of_engine(settings: StoreSettings) -> Iterator[_Finding]:
    """What the engine says of what it stands on; one that cannot be read was told of before."""
    try:
        opened = engine(settings.url, retention=settings.retention, write_role=settings.write_role)
        with closing(opened.reader()) as reader:
            found = reader.findings()
    except HardpointError:
        return
    for one in found:
        yield _Finding(**msgspec.structs.asdict(one))


def _refusals(settings: StoreSettings, clock: Clock) -> Iterator[_Finding]:
    """Sources that refuse requests now; a store that cannot be read was told of before."""
    try:
        with closing(engine(settings.url).reader()) as reader:
            runs = recent(reader, clock.now())
    except HardpointError:
        return
    for one in runs:
        detail = told(one, clock.now())
        yield _Finding(
            check=f"refusals of {one.source}",
            result="warn",
            detail=detail,
            fix="hardpoint refusals",
        )


def _failing(settings: StoreSettings) -> Iterator[_Finding]:
    """Handlers whose jobs fail and are tried again: told before they are given up."""
    try:
        with closing(engine(settings.url).reader()) as reader:
            handlers = reader.failing(each=False)
    except HardpointError:
        return
    for one in handlers:
        count = f"{one.jobs} job(s) fail, this one {one.failures} time(s)"
        place = "" if one.place is None else f" ({one.place})"
        again = "now" if one.next_at is None else moment(one.next_at)
        yield _Finding(
            check=f"handler {one.handler}",
            result="warn",
            detail=f"{count}: {one.error or 'no error was told'}{place}; next try {again}",
            fix="hardpoint events list --failing",
        )


def _registration(settings: Settings, name: str) -> _Verdict:
    """Whether one of our registrations can work; nothing is sent."""
    one = settings.identity.oauth[name]
    for secret in (one.client_secret, one.client_key):
        if secret is not None:
            secret.reveal()
    purposes: list[Purpose] = [each for each in _PURPOSES if getattr(one, each)]
    for purpose in purposes:
        if one.issuer is None:
            one.client(purpose, one.entry(purpose), settings.public_url or "http://localhost")
    if settings.public_url is None:
        raise ConfigurationError(
            "public_url", "is missing", fix='Write public_url = "https://shop.example"'
        )
    which = one.provider or one.issuer or urlsplit(one.entry("connect").token_url).netloc
    return "ok", f"{which}, for {'itself' if one.for_itself else ' and '.join(purposes)}", None


def _vault(identity: IdentitySettings) -> _Verdict:
    """Whether the keyring opens the vault, and whether its connections do well."""
    vault = identity.keeper(work=BlockingWork())
    try:
        run(vault.open())
        found = run(vault.connections())
    finally:
        run(vault.close())
    refused = {(str(one.client), one.client_refused) for one in found if one.client_refused}
    if refused:
        told = ", ".join(f"{client} ({reason})" for client, reason in sorted(refused))
        fix = f"renew the secret of [oauth.{min(refused)[0]}]"
        return "fail", f"refused by their providers: {told}", fix
    return "ok", f"{len(found)} connected accounts", "hardpoint oauth status" if found else None


def _processes(settings: StoreSettings, file: Path, clock: Clock) -> Iterator[_Finding]:
    """Who has the store, since when, who is connected to it, and who waits for it."""
    for check, result, detail, fix in processes(settings, file, clock):
        yield _Finding(check=check, result=result, detail=detail, fix=fix)
