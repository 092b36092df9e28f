"""An event to take along: as commands for a shell, and as a test of the handler."""

import re
from shlex import quote

from hardpoint.store.views import EventView


def curl_of_event(view: EventView, provider: str, signature: bool) -> str:
    """How to send it again from a shell, signed anew; its payload stands in a file."""
    event, file = view.summary, f"{view.summary.id}.json"
    lines: list[str] = []
    heads = [f"-H {quote(f'{name}: {value}')}" for name, value in view.headers.items()]
    if signature:
        lines.append(
            f"hardpoint sign {quote(provider)} {file} --source {quote(event.source)}"
            f" --type {quote(event.type or '*')} --header-only > headers.txt"
        )
        heads = ["-H @headers.txt", *heads]
    lines.append(
        " ".join(("curl -X POST", *heads, f"--data-binary @{file}"))
        + f' "$HARDPOINT_URL/webhooks/{event.source}"'
    )
    return "\n".join(lines)


def fixture_of(view: EventView) -> str:
    """A test of the handler with this event, for pytest; its payload stands in a file."""
    event = view.summary
    name = re.sub(r"[^a-z0-9]+", "_", event.type.lower(), flags=re.ASCII).strip("_") or "event"
    return (
        "from pathlib import Path\n\n\n"
        f"def test_{name}(hardpoint_hub):\n"
        f'    body = Path(__file__).with_name("{event.id}.json").read_bytes()\n'
        f"    hardpoint_hub.deliver({event.source!r}, {event.type!a}, body=body)\n"
        "    hardpoint_hub.drained()\n"
    )
