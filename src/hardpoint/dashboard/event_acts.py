"""Acting on one event: trying it again, closing it, and looking at its payload."""

import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote as quoted

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.dashboard.acting import ACTIONS, EventAction, act, reason_of
from hardpoint.dashboard.event_pages import event_of, event_values
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route
from hardpoint.hub.operators import DashboardRole

SHOWN_BYTES_MAX: Final = 256 * 1024
"""Of a payload on a page; the whole of it comes as a file."""
_HEX_BYTES_MAX: Final = 4096
_LINE: Final = 16
_INDENT: Final = "  "
_DEPTH_MAX: Final = 40


def event_act_routes(desk: Desk) -> list[Route]:
    """What is posted to the page of an event."""
    operator, admin = DashboardRole.OPERATOR, DashboardRole.ADMIN
    return [
        route(desk, "/events/{id}/act", _act, role=operator, acts=True),
        route(desk, "/events/{id}/payload", _reveal, role=admin, acts=True),
    ]


async def _act(visit: Visit) -> Response:
    view, action = await event_of(visit), action_of(visit)
    reason = reason_of(visit) if action == "resolve" else visit.form.get("reason", "").strip()
    jobs = await act(
        visit.desk.hub,
        action,
        view.summary.id,
        visit.form.get("handler") or None,
        view=view,
        actor=visit.actor,
        reason=reason or "on its page",
        force=visit.form.get("force") == "1",
    )
    return visit.to(f"/events/{quoted(view.summary.id)}?did={action}&jobs={jobs}")


def action_of(visit: Visit) -> EventAction:
    """What a form asks for.

    Raises:
        RefusedVisitError: nothing that we do.
    """
    for one in ACTIONS:
        if visit.form.get("action") == one:
            return one
    raise RefusedVisitError(400, "No such action", "Open the page again.")


async def _reveal(visit: Visit) -> Response:
    view, reason = await event_of(visit), reason_of(visit)
    hub = visit.desk.hub
    await hub.open()
    # Written down first: what cannot be is not shown.
    await hub.shared.note("reveal", view.summary.id, actor=visit.actor, reason=reason)
    if visit.form.get("as") == "file" and view.body is not None:
        name = f"{view.summary.id}.json" if text_of(view.body) else f"{view.summary.id}.bin"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(view.body, 200, headers, "application/octet-stream")
    return visit.page(
        "event.html", **event_values(visit, view), told=None, payload=payload_of(view.body)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A body as a page shows it.

    Attributes:
        kind: `json`, `text`, `binary`, or `gone` after its retention.
        cut: it is longer than what is shown.
    """

    kind: str
    text: str
    cut: bool


def payload_of(body: bytes | None) -> Payload:
    """A body, whatever it holds."""
    if body is None:
        return Payload(kind="gone", text="", cut=False)
    cut = len(body) > SHOWN_BYTES_MAX
    text = text_of(body[:SHOWN_BYTES_MAX], cut=cut)
    if text is None:
        return Payload(
            kind="binary", text=dump(body[:_HEX_BYTES_MAX]), cut=len(body) > _HEX_BYTES_MAX
        )
    if not cut and _is_json(text):
        return Payload(kind="json", text=indented(text), cut=False)
    return Payload(kind="text", text=text, cut=cut)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return text.lstrip()[:1] in {"{", "["}


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def indented(text: str) -> str:
    """JSON with a line for each value; every value stays as it was written, digit by digit."""
    parts: list[str] = []
    depth, before = 0, ""
    for found in _TOKEN.finditer(text):
        part = found[0]
        if part in "}]":
            depth -= 1
            parts.append("" if before in {"{", "["} else f"\n{_INDENT * min(depth, _DEPTH_MAX)}")
        elif before in {"{", "[", ","}:
            parts.append(f"\n{_INDENT * min(depth, _DEPTH_MAX)}")
        parts.append(f"{part} " if part == ":" else part)
        depth += part in "{["
        before = part
    return "".join(parts)


def text_of(body: bytes, *, cut: bool = False) -> str | None:
    """A body as text; None where it is none."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        if not cut or error.start < len(body) - 3:
            return None
        text = body[: error.start].decode()
    return None if "\0" in text else text


def dump(body: bytes) -> str:
    """Bytes in hexadecimal, sixteen to a line, with what of them is a letter."""
    lines = [
        f"{at:08x}  {body[at : at + _LINE].hex(' '):<47}  "
        + "".join(chr(one) if 32 <= one < 127 else "." for one in body[at : at + _LINE])
        for at in range(0, len(body), _LINE)
    ]
    return "\n".join(lines)
