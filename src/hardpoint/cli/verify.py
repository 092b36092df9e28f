"""`hardpoint verify`."""

from typing import Annotated

import msgspec
import typer

from hardpoint.cli.failures import Exit, Failure
from hardpoint.cli.inputs import addressed, body_from, headers_from, moment_from, secrets_from
from hardpoint.cli.options import BodyOption, Json, ProviderName, SecretRefs, commands, terminal_of
from hardpoint.webhooks.diagnosis import Diagnosis, diagnose
from hardpoint.webhooks.verification import WebhookRequest

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
    secrets = secrets_from(terminal, secret)
    for one in secrets:
        one.reveal()  # a missing one says nothing about the signature
    now = terminal.clock.now() if at is None else moment_from("--at", at)
    request = WebhookRequest(headers=headers_from(headers), body=body_from(terminal, file))
    settings = addressed(provider, url, option="--url")
    diagnosis = diagnose(provider, request, secrets, now=now, **settings)
    failure = None if diagnosis.ok else _failure(diagnosis)
    verdict = f"{'PASS' if diagnosis.ok else 'FAIL'} {provider}: {diagnosis.message}"
    lines = [verdict, *(f"  {key} {value}" for key, value in diagnosis.details.items())]
    data = {"scheme": provider, **msgspec.to_builtins(diagnosis)}
    terminal.show(data, *lines, failure=failure)
    return Exit.OK if diagnosis.ok else Exit.NO


def _failure(diagnosis: Diagnosis) -> Failure:
    return Failure(code=diagnosis.reason, message=diagnosis.message, hint=None, exit_code=Exit.NO)
