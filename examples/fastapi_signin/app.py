"""A FastAPI application with sign-in, and one connected calendar for each user.

export HARDPOINT_KEYRING="k1:$(head -c 32 /dev/urandom | base64)"
export CLIENT_ID=... CLIENT_SECRET=...          # of Google; or with ISSUER of any OpenID provider
uvicorn app:app --port 8000                     # then open http://localhost:8000/login/calendar
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx2
from fastapi import Depends, FastAPI, HTTPException

from hardpoint import ReauthorizationRequiredError, Secret
from hardpoint.hub.accounts import Accounts
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.keyring import Keyring

ISSUER = os.environ.get("ISSUER")
EVENTS = os.environ.get("EVENTS", "https://www.googleapis.com/calendar/v3/calendars/primary/events")
SCOPES = os.environ.get("SCOPES", "https://www.googleapis.com/auth/calendar.readonly").split()

accounts = Accounts(
    Path(os.environ.get("VAULT", "accounts.db")),
    Keyring(Secret.env("HARDPOINT_KEYRING")),
    [
        OAuthSettings(
            name="calendar",
            provider=None if ISSUER else "google",
            issuer=ISSUER,
            client_id=os.environ["CLIENT_ID"],
            client_secret=Secret.env("CLIENT_SECRET"),
            scopes=tuple(SCOPES),
            authorize_params={"prompt": "consent"},
        )
    ],
    public_url=os.environ.get("PUBLIC_URL", "http://localhost:8000"),
)
users: dict[tuple[str, str], str] = {}


def get_or_create(identity: Identity) -> str:
    """The user that somebody is: known by issuer and subject, never by the address."""
    return users.setdefault(identity.key, f"user-{len(users) + 1}")


signin = SignIn(
    accounts.flows,
    accounts.sessions,
    public_url=accounts.public_url,
    on_login=get_or_create,
    on_connect=accounts.keep,
)
User = Annotated[str, Depends(signin.user)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The accounts open and close with the application."""
    async with accounts:
        yield


app = FastAPI(lifespan=lifespan)
app.router.routes.extend(signin.routes())


@app.get("/")
async def home(user: User) -> dict[str, object]:
    """Who is signed in, and which accounts they have connected."""
    connected = await accounts.vault.connections(tenant=user)
    return {"user": user, "accounts": {one.connection: one.state.value for one in connected}}


@app.get("/events")
async def events(user: User) -> list[dict[str, object]]:
    """The user's calendar, read with a token that is valid now."""
    try:
        token = await accounts.vault.access_token("calendar", tenant=user)
    except ReauthorizationRequiredError as error:
        raise HTTPException(409, "open /connect/calendar") from error
    bearer = {"authorization": f"Bearer {token.reveal()}"}
    async with httpx2.AsyncClient() as client:
        answer = await client.get(EVENTS, headers=bearer)
    if answer.status_code == 401:
        await accounts.vault.report_rejected("calendar", token, tenant=user)
        raise HTTPException(502, "the calendar does not take its token; try again")
    return answer.json()["items"]
