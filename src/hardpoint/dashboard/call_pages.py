"""What went out: the last calls of this process, and the attempts of each."""

import os
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.dashboard.visits import Desk, RefusedVisitError, Visit, route
from hardpoint.telemetry.recorder import curl_of

CALLS_SHOWN: Final = 200


def call_routes(desk: Desk) -> list[Route]:
    """The pages of calls."""
    return [route(desk, "/calls", _list), route(desk, "/calls/{id}", _call)]


async def _list(visit: Visit) -> Response:
    hub = visit.desk.hub
    connection, failed = visit.asked.get("connection", ""), visit.asked.get("failed") == "1"
    calls = hub.observation.recorder.calls(
        connection=connection or None, failed=failed, limit=CALLS_SHOWN
    )
    return visit.page(
        "calls.html",
        calls=calls,
        connection=connection,
        failed=failed,
        connections=sorted(hub.settings.connections),
        pid=os.getpid(),
        most=CALLS_SHOWN,
    )


async def _call(visit: Visit) -> Response:
    call = visit.desk.hub.observation.recorder.call(visit.request.path_params["id"])
    if call is None:
        raise RefusedVisitError(
            404,
            "There is no such call",
            f"Process {os.getpid()} keeps its own last ones; another one may have made it.",
        )
    sent = [one for one in call.attempts if one.url is not None and one.method is not None]
    curl = curl_of(sent[-1].method or "", sent[-1].url or "", call.key) if sent else None
    return visit.page("call.html", call=call, curl=curl)
