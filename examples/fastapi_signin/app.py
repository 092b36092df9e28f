"""A FastAPI application with sign-in, and one connected calendar for each user.

export HARDPOINT_KEYRING="$(hardpoint oauth new-key)" CLIENT_SECRET=...
uvicorn app:app --port 8000                     # then open http://localhost:8000/login/calendar
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from hardpoint import Hub, ReauthorizationRequiredError
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth import Identity
from hardpoint.provider import AsyncTransport, Request

EVENTS = os.environ.get("EVENTS", "https://www.googleapis.com/calendar/v3/calendars/primary/events")

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
calendar = AsyncTransport()
users: dict[tuple[str, str], str] = {}
addresses: dict[str, str | None] = {}


def get_or_create(identity: Identity) -> str:
    """The user that somebody is: known by issuer and subject, never by the address."""
    user = users.setdefault(identity.key, f"user-{len(users) + 1}")
    addresses[user] = identity.email if identity.email_verified else None
    return user


signin = SignIn(hub.accounts, on_login=get_or_create)
User = Annotated[str, Depends(signin.user)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The hub opens and closes with the application."""
    async with hub, calendar:
        yield


app = FastAPI(lifespan=lifespan)
app.router.routes.extend(signin.routes())


@app.get("/")
async def home(user: User) -> dict[str, object]:
    """Who is signed in, and which accounts they have connected."""
    connected = await hub.vault.connections(tenant=user)
    return {
        "user": user,
        "mail": addresses.get(user),
        "accounts": {one.connection: one.state.value for one in connected},
    }


@app.get("/events")
async def events(user: User) -> list[dict[str, object]]:
    """The user's calendar, read with a token that is valid now."""
    try:
        token = await hub.vault.access_token("calendar", tenant=user)
    except ReauthorizationRequiredError as error:
        raise HTTPException(409, "open /connect/calendar") from error
    bearer = ("authorization", f"Bearer {token.reveal()}")
    answer = await calendar.send(Request(method="GET", url=EVENTS, headers=(bearer,)))
    if answer.status == 401:
        await hub.vault.report_rejected("calendar", token, tenant=user)
        raise HTTPException(502, "the calendar does not take its token; try again")
    return json.loads(answer.body)["items"]
