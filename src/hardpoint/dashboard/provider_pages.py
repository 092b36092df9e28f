"""Connections and sources: how each is, and opening or closing a circuit by hand."""

import os

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.errors import ConfigurationError
from hardpoint.dashboard.acting import reason_of
from hardpoint.dashboard.overview import SHOWN_MAX, worst_first
from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route
from hardpoint.hub.operators import DashboardRole


def provider_routes(desk: Desk) -> list[Route]:
    """The page of providers."""
    admin = DashboardRole.ADMIN
    return [
        route(desk, "/providers", _providers),
        route(desk, "/providers/{name}/circuit", _steer, role=admin, acts=True),
    ]


async def _providers(visit: Visit) -> Response:
    hub = visit.desk.hub
    report = await hub.observation.report()
    urls = {name: hub.settings.webhook_url(name) for name in hub.settings.webhooks}
    return visit.page(
        "providers.html",
        report=report,
        sources=worst_first(report.sources),
        connections=worst_first(report.connections),
        most=SHOWN_MAX,
        urls=urls,
        pid=os.getpid(),
    )


async def _steer(visit: Visit) -> Response:
    hub, name = visit.desk.hub, visit.request.path_params["name"]
    reason, action = reason_of(visit), visit.form.get("action", "")
    if name not in hub.settings.connections:
        raise RefusedVisitError(404, "There is no such connection", "Look at the list again.")
    if action not in {"open", "close"}:
        raise RefusedVisitError(400, "No such action", "Open the page again.")
    try:
        circuit = hub.policy(name).breaker
    except ConfigurationError as error:
        raise RefusedVisitError(409, "It has no circuit", str(error)) from None
    await hub.open()
    target = f"{name} in process {os.getpid()}"
    await hub.shared.note(f"circuit {action}", target, actor=visit.actor, reason=reason)
    steer = circuit.force_open if action == "open" else circuit.reset
    steer(f"{visit.actor}: {reason}")
    return visit.to("/providers")
