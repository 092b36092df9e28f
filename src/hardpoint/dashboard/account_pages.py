"""Connected accounts: whose tokens we hold, until when, and who has to sign in again."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.errors import HardpointError
from hardpoint.dashboard.visits import Desk, Visit, route
from hardpoint.oauth.states import ConnectionState, ConnectionStatus

ACCOUNTS_SHOWN: Final = 500


def account_routes(desk: Desk) -> list[Route]:
    """The page of accounts."""
    return [route(desk, "/accounts", _accounts)]


async def _accounts(visit: Visit) -> Response:
    hub = visit.desk.hub
    problem, found = None, tuple[ConnectionStatus, ...]()
    if hub.settings.identity.vault is not None:
        try:
            found = await hub.vault.connections(tenant=visit.asked.get("tenant") or None)
        except HardpointError as error:
            problem = str(error)
    state = visit.asked.get("state", "")
    wanted = [one for one in found if state in {"", one.state.value}]
    wanted.sort(key=lambda one: (one.state is ConnectionState.ACTIVE, one.connection, one.tenant))
    return visit.page(
        "accounts.html",
        accounts=wanted[:ACCOUNTS_SHOWN],
        total=len(wanted),
        problem=problem,
        vault=hub.settings.identity.vault is not None,
        state=state,
        tenant=visit.asked.get("tenant", ""),
        states=[*ConnectionState],
    )
