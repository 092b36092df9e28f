"""`hardpoint webhooks`: the endpoints that vendors send to, registered and compared."""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, final

import typer

from hardpoint.cli.apps import hub_of
from hardpoint.cli.failures import CommandError, Exit, Failure, usage
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider, provider_names
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits, checked_url
from hardpoint.hub.connections import ConnectionSettings, VaultKey
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.runtime.blocking import run
from hardpoint.webhooks.endpoints import (
    EndpointChange,
    EndpointDrift,
    RegisteredEndpoint,
    WebhookSetup,
    chosen,
    endpoint_drift,
    shown,
)

app = commands()
_LIMITS = Limits(timeout=15.0, exchange=30.0)
_GLOB = frozenset("*?[")

VendorArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="Whose endpoint it is.")]
AppArgument = Annotated[
    str | None, typer.Option("--app", metavar="MODULE:HUB", help="Whose handlers say which events.")
]
EventOptions = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="TYPE", help="An event to have sent, in place of --app's."),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", help="Where to; the source's public address otherwise.")
]
EndpointConnection = Annotated[
    str | None, typer.Option("--connection", help="Whose credentials; the vendor's only one.")
]
EndpointSource = Annotated[
    str | None, typer.Option("--source", help="The source it feeds; the vendor's only one.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="ID", help="This one, wherever it sends to by now."),
]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it; nothing is sent otherwise.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointQuestion:
    """What is asked for: whose endpoint, where, and with which events."""

    vendor: str
    app: str | None
    events: Sequence[str]
    url: str | None
    connection: str | None
    source: str | None
    endpoint: str | None
    config: Path


@app.callback()
def webhooks() -> None:
    """Register endpoints at the vendors through their APIs, and compare what is there."""


@app.command()
def register(
    context: typer.Context,
    vendor: VendorArgument,
    *,
    app_: AppArgument = None,
    event: EventOptions = None,
    url: UrlOption = None,
    connection: EndpointConnection = None,
    source: EndpointSource = None,
    endpoint: EndpointOption = None,
    apply: ApplyOption = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Make the endpoint what it should be; a dry run unless --apply."""
    terminal = terminal_of(context, json=json)
    question = EndpointQuestion(
        vendor=vendor,
        app=app_,
        events=event or (),
        url=url,
        connection=connection,
        source=source,
        endpoint=endpoint,
        config=config,
    )
    with BlockingTransport(_LIMITS) as transport:
        return EndpointDesk(question, transport, terminal).register(apply=apply)


@app.command()
def check(
    context: typer.Context,
    vendor: VendorArgument,
    *,
    app_: AppArgument = None,
    event: EventOptions = None,
    url: UrlOption = None,
    connection: EndpointConnection = None,
    source: EndpointSource = None,
    endpoint: EndpointOption = None,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Compare the vendor's endpoint with what is wanted. Exit code 1: it has drifted."""
    terminal = terminal_of(context, json=json)
    question = EndpointQuestion(
        vendor=vendor,
        app=app_,
        events=event or (),
        url=url,
        connection=connection,
        source=source,
        endpoint=endpoint,
        config=config,
    )
    with BlockingTransport(_LIMITS) as transport:
        return EndpointDesk(question, transport, terminal).check()


@final
class EndpointDesk:
    """One vendor's endpoint: what is wanted, and what there is.

    Args:
        question: what is asked for.
        transport: blocking.
        terminal: is told.

    Raises:
        CommandError: the vendor has no such API, or something is not said.
        ConfigurationError: the connection or the address is none.
    """

    def __init__(
        self, question: EndpointQuestion, transport: BlockingTransport, terminal: Terminal
    ) -> None:
        reference = _setup_of(question.vendor)
        settings = Settings.load(question.config, secrets=False)
        connection = _one("connection", question.connection, settings.connections, question.vendor)
        self._terminal = terminal
        self._asked = question
        self._source = _source(question, settings)
        self._url = _url(question, settings, self._source)
        self._setup: WebhookSetup = load(reference)(transport, _built(connection))
        self._events = _events(question, self._source, self._setup)

    def check(self) -> int:
        """Tell every drift."""
        known, found = self._found()
        drift = [*self._drift(known, found)]
        its = "nothing" if found is None else found.id
        last = f"{its}: {len(drift)} to mend" if drift else f"{its} is as it should be"
        return self._told(found, drift, None, *_lines(drift), last)

    def register(self, *, apply: bool) -> int:
        """Tell what is to be sent, and with `apply` send it."""
        known, found = self._found()
        if found is None and self._asked.endpoint is not None:
            raise CommandError(
                f"{self._asked.vendor} has no endpoint {self._asked.endpoint}",
                exit_code=Exit.NO,
                code="not_found",
                hint=f"hardpoint webhooks check {self._asked.vendor}",
            )
        drift = [*self._drift(known, found)]
        mendable = [one for one in drift if not self._stays(one)]
        if not mendable:
            last = f"{found.id} is as it should be" if found and not drift else "nothing to send"
            return self._told(found, drift, None, *_lines(drift), last)
        change = self._setup.change(self._url, self._events, found)
        fields = (f"  {one}" for one in shown(change.document))
        request = [f"{change.method} {change.path}", *fields, *filter(None, [change.then])]
        if not apply:
            left = [one for one in drift if self._stays(one)]
            lines = (*_lines(drift), *request, "nothing was sent; repeat it with --apply")
            return self._told(found, left, change, *lines)
        key = self._terminal.ids()
        made = run(self._setup.apply(change, idempotency_key=key))
        left = [*self._drift([*(one for one in known if one.id != made.id), made], made)]
        if made.secret is not None:  # it is to be stored now, as is said below
            left = [one for one in left if one.kind != "secret"]
        new = found is None or not found.signed
        lines = (*request, f"done: {made.id}", *self._of_secret(made, new=new))
        return self._told(made, left, change, *lines, *_lines(left), applied=True)

    def _found(self) -> tuple[Sequence[RegisteredEndpoint], RegisteredEndpoint | None]:
        known = run(self._setup.endpoints())
        return known, chosen(known, self._url, self._asked.endpoint)

    def _drift(
        self, known: Sequence[RegisteredEndpoint], found: RegisteredEndpoint | None
    ) -> Iterator[EndpointDrift]:
        yield from endpoint_drift(self._setup, self._url, self._events, known, found)
        if found is None or found.secret is None or self._source is None:
            return
        wanted = found.secret.reveal().encode()
        for one in self._source.secrets:
            try:
                if hmac.compare_digest(one.reveal().encode(), wanted):
                    return
            except ConfigurationError:  # `hardpoint secrets doctor` says why
                continue
        yield EndpointDrift("secret", f"[webhooks.{self._source.name}] has not that of {found.id}")

    def _stays(self, drift: EndpointDrift) -> bool:
        """Whether no request of ours mends it."""
        fixed = drift.kind == "version" and self._setup.version_fixed
        return fixed or drift.kind in {"doubled", "secret"}

    def _of_secret(self, made: RegisteredEndpoint, *, new: bool) -> Iterator[str]:
        where = self._source
        place = where.secrets[0].reference if where is not None and where.secrets else "env:NAME"
        if made.secret is not None and new:
            yield f"secret, shown this once: {made.secret.reveal()}"
            yield f"store it as {place}, not in a file of the repository"
        else:
            yield f"its secret is the one it had: {self._setup.secret_at}"
        if where is None:
            table = f'provider = "{self._asked.vendor}", secrets = ["{place}"]'
            yield f"then add [webhooks.NAME] with {table}"

    def _told(
        self,
        found: RegisteredEndpoint | None,
        drift: Sequence[EndpointDrift],
        change: EndpointChange | None,
        *lines: str,
        applied: bool = False,
    ) -> int:
        failure = None
        if drift:
            failure = Failure(
                code="drift",
                message=f"{self._asked.vendor}: {drift[0].kind}: {drift[0].detail}",
                hint=self._hint(drift[0]),
                exit_code=Exit.NO,
            )
        secret = found.secret if applied and found is not None else None
        data: dict[str, Any] = {
            "provider": self._asked.vendor,
            "url": self._url,
            "events": sorted(self._events),
            "endpoint": None if found is None else found.id,
            "drift": [asdict(one) for one in drift],
            "request": None if change is None else asdict(change),
            "applied": applied,
            "secret": None if secret is None else secret.reveal(),
        }
        self._terminal.show(data, *lines, failure=failure)
        return Exit.OK if failure is None else Exit.NO

    def _hint(self, drift: EndpointDrift) -> str:
        if not self._stays(drift):
            return f"hardpoint webhooks register {self._asked.vendor} --apply"
        return {
            "doubled": "remove one of them at the vendor",
            "secret": f"take it from {self._setup.secret_at}",
        }.get(drift.kind, "it is chosen once: register another URL, then remove this endpoint")


def _lines(drift: Sequence[EndpointDrift]) -> Iterator[str]:
    yield from (f"{one.kind:<15} {one.detail}" for one in drift)


def _setup_of(vendor: str) -> str:
    names = provider_names()
    reference = provider(vendor).webhook_setup if vendor in names else None
    if reference is None:
        able = ", ".join(name for name in names if provider(name).webhook_setup is not None)
        raise usage(
            f"{vendor}'s endpoints cannot be registered from here",
            hint=f"these can: {able}; for others hardpoint docs build lists what to enter by hand",
        )
    return reference


def _one(kind: str, name: str | None, known: Any, vendor: str) -> Any:
    """A connection or a source of this vendor: the one named, or the only one."""
    found = {key: one for key, one in known.items() if one.provider == vendor}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    names = ", ".join(found) or "none"
    said = f"{name} is no {kind} of {vendor}" if name else f"which {kind} of {vendor} is not said"
    raise usage(said, hint=f"--{kind} NAME; configured: {names}")


def _source(question: EndpointQuestion, settings: Settings) -> SourceSettings | None:
    sources = [one for one in settings.webhooks.values() if one.provider == question.vendor]
    if question.source is None and not sources:
        return None
    return _one("source", question.source, settings.webhooks, question.vendor)


def _url(question: EndpointQuestion, settings: Settings, source: SourceSettings | None) -> str:
    if question.url is not None:
        return checked_url(question.url, key="--url")
    url = None if source is None else settings.webhook_url(source.name)
    if url is None:
        raise usage("where events are to be sent is not said", hint="--url URL, or public_url")
    return checked_url(url, key="public_url")


def _built(connection: ConnectionSettings) -> Any:
    for name, value in connection.options.items():
        if isinstance(value, VaultKey):
            raise ConfigurationError(
                f"connections.{connection.name}.{name.rstrip('_')}",
                "is in the vault, which this command does not open",
                fix="Name a connection with a key of its own: --connection NAME",
            )
    return connection.build()


def _events(
    question: EndpointQuestion, source: SourceSettings | None, setup: WebhookSetup
) -> frozenset[str]:
    """The types to have sent.

    Raises:
        CommandError: nobody says; or a pattern stands for types that only the vendor knows.
    """
    types = question.events
    if not types and question.app is not None:
        types = () if source is None else _handled(question.app, source.name)
    if not types:
        raise usage("which events are to be sent is not said", hint="--app MODULE:HUB or --event")
    for one in types:
        pattern = bool(_GLOB & set(one)) if one != "*" else setup.every is None
        if pattern:
            raise usage(
                f"{one} is a pattern, and {question.vendor} wants each type by its name",
                hint="name them: --event TYPE, once for each",
            )
    if "*" in types and setup.every is not None:
        return frozenset({setup.every})
    return frozenset(types)


def _handled(app: str, source: str) -> Sequence[str]:
    try:
        return hub_of(app).handlers.types(source)
    except ConfigurationError as error:
        if not error.key.startswith("webhooks."):
            raise
        raise ConfigurationError(
            error.key,
            error.problem,
            fix="Before there is a secret, name the events: --event TYPE, once for each",
        ) from None
