from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.routing import Mount

from hardpoint import Event, Hub, Job
from hardpoint.clients import link
from hardpoint.integrations.starlette import SignIn

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
crm = hub.rest("crm")
signin = SignIn(hub.accounts, on_login=lambda identity: identity.subject)


@dataclass
class Deal:
    id: int
    name: str


@hub.on("crm", "deal.won")
async def welcome(event: Event, _job: Job) -> None:
    deal = await crm.get("/deals/{id}", id=event.json()["deal"], into=Deal)
    await crm.post("/notes", json={"deal": deal.id, "text": f"Welcome, {deal.name}"})


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with hub:
        yield


app = FastAPI(lifespan=lifespan, routes=[Mount("/webhooks", hub.asgi()), *signin.routes()])


@app.get("/deals")
async def deals(_user: Annotated[str, Depends(signin.user)]) -> list[Deal]:
    return [one async for one in crm.pages("/deals", into=list[Deal], page=link())]
