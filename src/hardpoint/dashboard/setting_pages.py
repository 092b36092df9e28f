"""What is configured, by the names of its secrets, and what operators have done."""

import os
from importlib.metadata import version

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.dashboard.event_pages import PAGE_ROWS
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route


def setting_routes(desk: Desk) -> list[Route]:
    """The page of settings."""
    return [route(desk, "/settings", _settings)]


async def _settings(visit: Visit) -> Response:
    hub, before = visit.desk.hub, visit.asked.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise RefusedVisitError(400, "This list cannot go on", "Begin it anew.")
    records = await visit.desk.look(
        lambda reader: reader.audit(before=int(before) if before else None, limit=PAGE_ROWS + 1)
    )
    settings = hub.settings
    return visit.page(
        "settings.html",
        version=version("hardpoint"),
        pid=os.getpid(),
        settings=settings,
        store=settings.store.shown,
        generation=hub.generation,
        secrets=[(key, one.reference) for key, one in settings.secrets()],
        records=records[:PAGE_ROWS],
        more=records[PAGE_ROWS - 1].id if len(records) > PAGE_ROWS else None,
        urls={name: settings.webhook_url(name) for name in settings.webhooks},
    )
