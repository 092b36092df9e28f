"""Sign-in with a provider that hardpoint knows nothing of: hardpoint.toml says what it is.

export HARDPOINT_KEYRING="$(hardpoint oauth new-key)" CLIENT_SECRET=...
uvicorn app:app --port 8000                     # then open http://localhost:8000/login/acme
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI

from hardpoint import Hub
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth import Identity

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
users: dict[tuple[str, str], str] = {}


def get_or_create(identity: Identity) -> str:
    """The user that somebody is: known by issuer and subject, never by the address."""
    return users.setdefault(identity.key, f"user-{len(users) + 1}")


signin = SignIn(hub.accounts, on_login=get_or_create)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The hub opens and closes with the application."""
    async with hub:
        yield


app = FastAPI(lifespan=lifespan)
app.router.routes.extend(signin.routes())


@app.get("/")
async def home(user: Annotated[str, Depends(signin.user)]) -> dict[str, object]:
    """Who is signed in, and which accounts they have connected."""
    connected = await hub.vault.connections(tenant=user)
    return {"user": user, "accounts": {one.connection: one.state.value for one in connected}}
