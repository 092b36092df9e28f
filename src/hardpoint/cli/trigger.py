"""`hardpoint trigger`: what a vendor would send, made, signed and posted from here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import typer

from hardpoint.cli.failures import Exit, Failure, usage
from hardpoint.cli.inputs import address_from, addressed, body_from, name_from, secrets_from
from hardpoint.cli.looking import public_of
from hardpoint.cli.options import (
    CONFIG,
    Config,
    Json,
    LiveOption,
    ProviderName,
    SecretRefs,
    commands,
    terminal_of,
)
from hardpoint.cli.posting import TIMEOUT, PostedAnswer, Poster, curl
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ConfigurationError, WebhookError
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.hub.sources import options_of
from hardpoint.webhooks.credentials import ApiKeyWebhooks
from hardpoint.webhooks.samples import Sample, assignment, described_sample, samples
from hardpoint.webhooks.schemes import OneEventScheme
from hardpoint.webhooks.verification import DESCRIBED, Scheme, WebhookRequest, scheme

PUBLIC = "http://127.0.0.1:8000"
"""Where `hardpoint serve` listens unless told otherwise; who runs is asked first."""
_UNIX = "unix:"

app = commands()


@app.command()
def trigger(
    context: typer.Context,
    provider: ProviderName,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The type of the event.")],
    *,
    config: Config = CONFIG,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            "--url",
            metavar="URL",
            help=f"Send it here. Default: the source at the server that runs, else at {PUBLIC}.",
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The source, if several have this provider.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a field of the event."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Remove a field from the event.")
    ] = None,
    raw: Annotated[
        str | None, typer.Option(metavar="FILE", help="Send this body unchanged; - reads stdin.")
    ] = None,
    times: Annotated[
        int, typer.Option(min=1, max=100, help="How often to send the same event.")
    ] = 1,
    secret: SecretRefs = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=600, help="Seconds to wait for the answer.")
    ] = TIMEOUT,
    live: LiveOption = False,
    print_curl: Annotated[
        bool, typer.Option("--print-curl", help="Print a curl command instead of sending.")
    ] = False,
    json: Json = False,
) -> int:
    """Send a sample event, signed as the vendor would.

    The secret comes from the provider's source in the configuration, unless given. A server that
    `hardpoint serve` runs on this configuration is found at its port or Unix socket.
    """
    terminal = terminal_of(context, json=json)
    name_from("EVENT", event)
    if to is not None:
        address_from(to, live=live)
    url, secrets = to, secrets_from(terminal, secret) if secret else None
    address: str | None = None
    uds, door = None, None
    options: dict[str, Any] = {}
    if url is None or secrets is None or provider in DESCRIBED:
        settings = Settings.load(config)
        found = _source(config, settings, provider, source)
        address = found.url
        if url is None:
            door = partial(_door, settings, found.name)
            url, uds = door()
        secrets = secrets or found.secrets
        if provider in DESCRIBED:
            options = {**options_of(found), **addressed(provider, settings.webhook_url(found.name))}
    options = options or addressed(provider, address or url)
    signing = scheme(provider, secrets=secrets, **options)
    if raw is None:
        sample = _sample(terminal, provider, signing, event, values=values or [], unset=unset or [])
    else:
        sample = _given(terminal, event, raw, changed=bool(values or unset))
    shot = _Shot(terminal=terminal, provider=provider, url=url, signing=signing, sample=sample)
    if print_curl:
        line = curl(url, shot.headers(), sample.body, uds=uds)
        terminal.show({"curl": line}, line)
        return Exit.OK
    addressing = signing.address if isinstance(signing, ApiKeyWebhooks) else str
    with Poster(terminal, url, timeout=timeout, uds=uds, find=door, addressed=addressing) as poster:
        answers = [shot.fire(poster) for _ in range(times)]
    return _report(replace(shot, url=poster.url), answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shot:
    """One event, what signs it, and where it goes."""

    terminal: Terminal
    provider: str
    url: str
    signing: Scheme
    sample: Sample

    def headers(self) -> list[tuple[str, str]]:
        """All but what the HTTP client adds; signed now, as each of a vendor's deliveries is."""
        now = self.terminal.clock.now()
        sample = self.sample
        return [
            ("Content-Type", sample.content_type),
            ("User-Agent", f"hardpoint/{version('hardpoint')} (trigger)"),
            *self.signing.sign(sample.body, now=now, event_id=sample.id, event_type=sample.type),
        ]

    def fire(self, poster: Poster) -> PostedAnswer:
        headers = self.headers()
        self.terminal.say(f"POST {poster.url}")
        for name, value in headers:
            self.terminal.say(f"  {name}: {value}")
        return poster.post(headers, self.sample.body)

    def event_id(self) -> str | None:
        """The id the receiver will see: a raw body brings its own, or none that can be read."""
        request = WebhookRequest(url=self.url, headers=self.headers(), body=self.sample.body)
        now = self.terminal.clock.now()
        try:
            verified = self.signing.verify(request, now=now)
        except WebhookError:
            return None
        return next((event.id for event in verified.events), None)


def _door(settings: Settings, source: str) -> tuple[str, str | None]:
    """The address of a source at the server that runs, and the Unix socket that leads there."""
    where = public_of(settings) or PUBLIC
    path = f"/webhooks/{source}"
    if where.startswith(_UNIX):
        return f"http://localhost{path}", where[len(_UNIX) :]
    return where + path, None


def _source(config: Path, settings: Settings, provider: str, name: str | None) -> SourceSettings:
    sources = settings.webhooks
    fitting = [one for one in sources.values() if one.provider == provider]
    if name is not None:
        fitting = [one for one in fitting if one.name == name]
    if len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise usage(f"several sources are of {provider}: {names}", hint="add --source NAME")
    if not fitting:
        known = ", ".join(f"{one.name} ({one.provider})" for one in sources.values()) or "none"
        raise ConfigurationError(
            str(config),
            f"has no such source of {provider}; it has: {known}",
            fix="add one, or name --to URL and --secret REF",
        )
    return fitting[0]


def _sample(
    terminal: Terminal,
    provider: str,
    signing: Scheme,
    event: str,
    *,
    values: list[str],
    unset: list[str],
) -> Sample:
    now, ids = terminal.clock.now(), terminal.ids
    try:
        overrides = dict(map(assignment, values))
        if isinstance(signing, OneEventScheme):
            sample = described_sample(signing, event, now=now, ids=ids, overrides=overrides)
        else:
            sample = samples(provider).sample(event, now=now, ids=ids, overrides=overrides)
    except ConfigurationError as error:
        raise usage(f"{error.key}: {error.problem}", hint=error.fix) from None
    if unset:
        form = sample.content_type != "application/json"
        text = sample.body.decode()
        document = dict(parse_qsl(text)) if form else msgspec.json.decode(text)
        for path in unset:
            _leave_out(document, path)
        body = urlencode(document).encode() if form else msgspec.json.encode(document)
        sample = msgspec.structs.replace(sample, body=body)
    return sample


def _given(terminal: Terminal, event: str, raw: str, *, changed: bool) -> Sample:
    if changed:
        raise usage("--raw sends a body as it is, so --set and --unset have nothing to change")
    return Sample(type=event, id=terminal.ids(), body=body_from(terminal, raw))


def _leave_out(document: Any, path: str) -> None:
    *parents, last = path.split(".")
    place = document
    try:
        for step in parents:
            place = place[int(step) if isinstance(place, list) else step]
        del place[int(last) if isinstance(place, list) else last]
    except (LookupError, TypeError, ValueError):
        raise usage(f"--unset {path}: the sample has no such field") from None


def _report(shot: _Shot, answers: Sequence[PostedAnswer]) -> int:
    identifier = shot.event_id()
    refusal = next((answer for answer in answers if not answer.accepted), None)
    data = {
        "url": shot.url,
        "provider": shot.provider,
        "type": shot.sample.type,
        "id": identifier,
        "deliveries": [asdict(answer) for answer in answers],
    }
    lines = [f"{one.status} in {one.milliseconds} ms  {one.body}".rstrip() for one in answers]
    if len(answers) > 1 and refusal is None:
        lines.append(f"{len(answers)} deliveries of one event: all but the first are repeats")
    failure = None if refusal is None else _not_accepted(refusal)
    shot.terminal.show(data, *lines, failure=failure)
    if identifier is not None and refusal is None:
        looking = f"show {quote(identifier)}" if identifier else "list"  # a body alone has no id
        shot.terminal.say(f"next:  hardpoint events {looking}")
    return Exit.OK if refusal is None else Exit.NO


_HINTS = {
    401: "give the server and this command the same secret; an exported one counts at start",
    404: "hardpoint serve --help",
    413: "send a smaller body",
    503: "hardpoint doctor",
}


def _not_accepted(answer: PostedAnswer) -> Failure:
    return Failure(
        code="not_accepted",
        message=f"the receiver answered {answer.status}",
        hint=_HINTS.get(answer.status),
        exit_code=Exit.NO,
    )
