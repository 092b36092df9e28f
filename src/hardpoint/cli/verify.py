"""`hardpoint verify`."""

from collections.abc import Callable
from contextlib import closing
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from hardpoint.cli.failures import Exit, Failure
from hardpoint.cli.inputs import SignedBy, body_from, headers_from, moment_from, signed_by
from hardpoint.cli.options import (
    CONFIG,
    BodyOption,
    Config,
    Json,
    ProviderName,
    SecretRefs,
    SourceOption,
    commands,
    terminal_of,
)
from hardpoint.core.effects import Clock
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_blocking
from hardpoint.runtime.blocking import run
from hardpoint.webhooks.diagnosis import Diagnosis, diagnose
from hardpoint.webhooks.fetched_keys import KeyNeededError
from hardpoint.webhooks.verification import Arrival, WebhookRequest

app = commands()


@app.command()
def verify(
    context: typer.Context,
    provider: ProviderName,
    file: BodyOption,
    *,
    headers: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="A file with the request's headers, as 'Name: value' lines."
        ),
    ],
    secret: SecretRefs = None,
    source: SourceOption = None,
    config: Config = CONFIG,
    url: Annotated[
        str | None, typer.Option(help="The address you gave the vendor, if the vendor signs it.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="The time to check against: Unix seconds or ISO 8601. Default: now."),
    ] = None,
    json: Json = False,
) -> int:
    """Check a signature, and say why it fails.

    Exit code 0 means that it is good, 1 that it is not.
    """
    terminal = terminal_of(context, json=json)
    given = signed_by(
        terminal,
        provider,
        source=source,
        config=config,
        references=secret,
        url=url,
        option="--url",
    )
    for one in given.secrets:
        one.reveal()  # a missing one says nothing about the signature
    now = terminal.clock.now() if at is None else moment_from("--at", at)
    request = WebhookRequest(
        headers=headers_from(headers),
        body=body_from(terminal, file),
        arrival=Arrival(query=urlsplit(url or "").query.encode()),
    )
    diagnosis = diagnose(
        provider, request, given.secrets, now=now, fetch=key_fetch(terminal.clock), **given.settings
    )
    if diagnosis.reason == "signature_mismatch":
        diagnosis = _of_another(provider, request, given, now) or diagnosis
    failure = None if diagnosis.ok else _failure(diagnosis)
    verdict = f"{'PASS' if diagnosis.ok else 'FAIL'} {provider}: {diagnosis.message}"
    shown = ((key, _shown(key, value)) for key, value in diagnosis.details.items())
    lines = [verdict, *(f"  {key:<8} {value}" for key, value in shown if value)]
    data = {"scheme": provider, **msgspec.to_builtins(diagnosis)}
    terminal.show(data, *lines, failure=failure)
    return Exit.OK if diagnosis.ok else Exit.NO


def key_fetch(clock: Clock) -> Callable[[KeyNeededError], None]:
    """Gets the keys that a vendor publishes, or the issuer of a token; it blocks."""

    def fetch(needed: KeyNeededError) -> None:
        with closing(BlockingTransport(UNTRUSTED)) as transport:
            untrusted = Untrusted(transport, resolve_blocking)
            run(needed.keys.fetch(needed.name, untrusted, clock.now))

    return fetch


def _shown(key: str, value: str | float | None) -> str:
    """A detail for people; nothing of what is not there."""
    if key == "key":
        return f"secrets[{value}]"
    return f"{value:.0f} s" if key == "age" else str(value or "")


def _of_another(
    provider: str, request: WebhookRequest, given: SignedBy, now: float
) -> Diagnosis | None:
    """What is found where another source of the configuration has the secret."""
    for name, secrets in given.others.items():
        found = diagnose(provider, request, secrets, now=now, **given.settings)
        if found.ok or found.reason == "stale_timestamp":
            message = f"it is signed with a secret of [webhooks.{name}], another source"
            return Diagnosis(ok=False, reason="other_source", message=message)
    return None


def _failure(diagnosis: Diagnosis) -> Failure:
    return Failure(code=diagnosis.reason, message=diagnosis.message, hint=None, exit_code=Exit.NO)
