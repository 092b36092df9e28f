"""`hardpoint debug`: one page of what is known of a request, an event, or a call."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from hardpoint.cli.admin import AdminClient, AdminOption, segment
from hardpoint.cli.failures import CommandError, Exit, usage
from hardpoint.cli.inputs import BODY_BYTES_MAX
from hardpoint.cli.looking import found, store_of
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal
from hardpoint.cli.verify import key_fetch
from hardpoint.cli.views import event_data, event_page
from hardpoint.core.errors import HardpointError
from hardpoint.core.providers import load, provider, provider_names
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import options_of
from hardpoint.store.views import EventView, State
from hardpoint.webhooks.diagnosis import diagnose
from hardpoint.webhooks.verification import WebhookRequest

app = commands()
_CODE = re.compile(r"[A-Za-z0-9_]{4,60}")
_SEARCHED = 1000
_NEXT = {
    State.DEAD: "mend the cause, then: hardpoint events retry {id}",
    State.NEEDS_RECONCILE: "look at the vendor, then: hardpoint events retry {id}, or resolve it",
    State.QUARANTINED: "its id came with other content: compare it with the vendor's first",
    State.SKIPPED: "no handler takes this type: add one, then: hardpoint events replay {id}",
    State.DONE: "nothing is left to do",
}


@app.command()
def debug(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="REQUEST|EVENT|CALL",
            help="A file with a pasted request; an event's id; a call's id; a correlation id.",
        ),
    ],
    *,
    source: Annotated[
        str | None, typer.Option("--source", help="The source that a pasted request was meant for.")
    ] = None,
    by_id: Annotated[
        bool, typer.Option("--id", help="It is an id, even if a file is named so.")
    ] = False,
    config: Config = CONFIG,
    admin: AdminOption = None,
    json: Json = False,
) -> int:
    """Put on one page what is known: verification, attempts, the vendor's code, what to do."""
    terminal = terminal_of(context, json=json)
    if not by_id and Path(what).is_file():
        return _request(terminal, Path(what), source, config)
    events = _events(config, what)
    if events:
        data = [event_data(one) for one in events]
        terminal.show({"events": data}, *_event_lines(events))
        return Exit.OK
    call = _call(what, admin, config)
    if call is None:
        raise CommandError(
            f"there is no file, event or call {what}",
            exit_code=Exit.NO,
            code="not_found",
            hint="hardpoint events list, or hardpoint calls list",
        )
    terminal.show({"call": call}, *_call_lines(call))
    return Exit.OK


def _request(terminal: Terminal, path: Path, source: str | None, config: Path) -> int:
    """What verification says of a request as it was sent: headers, an empty line, the body."""
    settings = Settings.load(config, secrets=False)
    if source is None and len(settings.webhooks) == 1:
        source = next(iter(settings.webhooks))
    if source is None or source not in settings.webhooks:
        known = ", ".join(settings.webhooks) or "none"
        raise usage("which source was it meant for?", hint=f"--source NAME; there are: {known}")
    own = settings.webhooks[source]
    request = _parsed(path)
    verdict = diagnose(
        own.provider,
        request,
        own.secrets,
        now=terminal.clock.now(),
        fetch=key_fetch(terminal.clock),
        **options_of(own),
    )
    held = f"{len(request.headers)} headers, {len(request.body)} bytes"
    lines = [
        f"{path.name}: {held}, for [webhooks.{source}]",
        f"  {'verified' if verdict.ok else 'refused':<10} {verdict.message}",
        *(
            f"  {name:<10} {value}"
            for name, value in verdict.details.items()
            if value not in {None, ""}
        ),
    ]
    if not verdict.ok:
        lines.append(
            f"  next       hardpoint verify {own.provider} BODY --headers HEADERS --source {source}"
        )
    data = {"source": source, "provider": own.provider, **msgspec.to_builtins(verdict)}
    terminal.show({"request": data}, *lines)
    return Exit.OK if verdict.ok else Exit.NO


def _parsed(path: Path) -> WebhookRequest:
    with path.open("rb") as file:
        content = file.read(BODY_BYTES_MAX)
    head, gap, body = content.partition(b"\r\n\r\n")
    if not gap or b"\n\n" in head:
        head, _, body = content.partition(b"\n\n")
    headers: list[tuple[bytes, bytes]] = []
    for line in head.splitlines():
        name, colon, value = line.partition(b":")
        if colon and b" " not in name:
            headers.append((name.strip(), value.strip()))
    if not headers:
        raise usage(f"{path} holds no headers", hint="paste headers, an empty line, and the body")
    return WebhookRequest(headers=headers, body=body)


def _events(config: Path, what: str) -> list[EventView]:
    """By our id, its beginning, the vendor's id, or the correlation id of a log line."""
    with suppress(HardpointError, CommandError), store_of(config) as store:
        try:
            return found(store, what)
        except CommandError:
            ids = [one.id for one in store.events(limit=_SEARCHED) if one.correlation_id == what]
            return [view for one in ids for view in store.event(one)]
    return []


def _event_lines(events: Sequence[EventView]) -> list[str | Table]:
    lines: list[str | Table] = []
    for one in events:
        lines += ["", *event_page(one)] if lines else event_page(one)
        lines += _explained(" ".join(filter(None, (each.error for each in one.attempts))))
        advice = _NEXT.get(
            one.summary.state, "it is tried again by itself: hardpoint events show {id}"
        )
        lines.append(f"next: {advice.format(id=one.summary.id)}")
    return lines


def _explained(text: str) -> list[str]:
    """The vendors' codes that an error names, and what they mean."""
    words = set(_CODE.findall(text))
    told: list[str] = []
    for name in provider_names() if words else ():
        reference = provider(name).errors
        if reference is None or name not in text.lower():
            continue
        for (_, code), known in load(reference).known.items():
            if code in words:
                told.append(f"{name} {code}: {known.meaning} {known.action}")
    return sorted(set(told))


def _call(what: str, admin: str | None, config: Path) -> dict[str, Any] | None:
    """A call of the running server, by its id or its correlation id."""
    with suppress(CommandError, HardpointError):
        client = AdminClient.of(admin, config)
        with suppress(CommandError):
            return client.get(f"/calls/{segment(what)}")
        calls = client.get("/calls", limit=_SEARCHED)["calls"]
        match = next((one for one in calls if one.get("correlation_id") == what), None)
        return None if match is None else client.get(f"/calls/{segment(match['id'])}")
    return None


def _call_lines(call: dict[str, Any]) -> list[str | Table]:
    rows = [
        [str(number), str(one.get("status") or "-"), str(one.get("error") or "ok")]
        for number, one in enumerate(call.get("attempts", ()), 1)
    ]
    whose = f"{call['provider']} {call['operation']} by [connections.{call['connection']}]"
    return [
        f"call {call['id']}: {whose}",
        f"  ended      {call.get('error') or 'ok'}",
        Table(["ATTEMPT", "STATUS", "ENDED"], rows),
        *_explained(f"{call['provider']} {call.get('error')} {call.get('attempts')}"),
        f"next: hardpoint breaker show {call['connection']}, or hardpoint calls curl {call['id']}",
    ]
