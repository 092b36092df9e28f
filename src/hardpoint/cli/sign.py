"""`hardpoint sign`."""

from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.inputs import (
    address_from,
    body_from,
    moment_from,
    name_from,
    signed_by,
)
from hardpoint.cli.options import (
    CONFIG,
    BodyOption,
    Config,
    Json,
    LiveOption,
    ProviderName,
    SecretRefs,
    SourceOption,
    commands,
    terminal_of,
)
from hardpoint.webhooks.verification import Scheme, scheme

app = commands()


@app.command()
def sign(
    context: typer.Context,
    provider: ProviderName,
    file: BodyOption,
    *,
    secret: SecretRefs = None,
    source: SourceOption = None,
    config: Config = CONFIG,
    timestamp: Annotated[
        str | None, typer.Option(help="The time to sign: Unix seconds or ISO 8601. Default: now.")
    ] = None,
    header_only: Annotated[
        bool, typer.Option("--header-only", help="Print the headers without the body.")
    ] = False,
    event_id: Annotated[
        str | None, typer.Option("--id", help="The event's id, if the vendor sends it in a header.")
    ] = None,
    event_type: Annotated[
        str | None,
        typer.Option("--type", help="The event's type, if the vendor sends it in a header."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The address it will be sent to, if the vendor signs it."),
    ] = None,
    live: LiveOption = False,
    json: Json = False,
) -> int:
    """Sign a body as the vendor would.

    Prints the headers, an empty line and the body: what `verify --headers` reads.
    """
    terminal = terminal_of(context, json=json)
    if to is not None:
        address_from(to, live=live)
    for option, text in (("--id", event_id), ("--type", event_type)):
        if text is not None:
            name_from(option, text)
    given = signed_by(
        terminal,
        provider,
        source=source,
        config=config,
        references=secret,
        url=to,
        option="--to",
    )
    signing = scheme(provider, secrets=given.secrets, **given.settings)
    now = terminal.clock.now() if timestamp is None else moment_from("--timestamp", timestamp)
    body = body_from(terminal, file)
    headers = _signed(signing, body, now, event_id or terminal.ids(), event_type)
    lines = [f"{name}: {value}" for name, value in headers]
    terminal.show({"headers": dict(headers), "signed_at": int(now)}, *lines)
    if not (header_only or json):
        terminal.write(b"\n" + body)
    return Exit.OK


def _signed(
    signing: Scheme, body: bytes, now: float, event_id: str, event_type: str | None
) -> list[tuple[str, str]]:
    try:
        headers = signing.sign(body, now=now, event_id=event_id, event_type=event_type or "")
    except ValueError as error:
        raise usage(f"--id: {error}") from None
    if any(not value for _, value in headers):
        raise usage("this vendor sends the event's type in a header", hint="add --type TYPE")
    return list(headers)
