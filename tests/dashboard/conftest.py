"""A served dashboard with events behind it, and a browser without JavaScript."""

import asyncio
import contextlib
import itertools
import json
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from tests.store.postgres.conftest import postgres_server as postgres_server  # noqa: PLC0414

from hardpoint import Permanent, Skip
from hardpoint.core.secrets import Secret
from hardpoint.hub.connections import ConnectionPolicy, ConnectionSettings
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import DashboardRole, DashboardSettings, DashboardToken
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.hub.stores import StoreSettings
from hardpoint.service.server import Patience, Server
from hardpoint.store.views import State
from hardpoint.webhooks.verification import scheme

SECRET = "whsec_dashboard"
TOKENS = {role.value: f"token-of-{role.value}-which-nobody-guesses" for role in DashboardRole}
QUICK = Patience(soft_seconds=0, drain_seconds=5, handler_seconds=5, store_seconds=5)
PATIENCE = 30
ONCE = ConnectionPolicy(preset="no_retry")
_numbers = itertools.count()


class ShiftedClock:
    """The system's clock, some time ahead."""

    ahead = 0.0
    stopped: float | None = None

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead if self.stopped is None else self.stopped


class PriceError(Exception):
    """What the user's handler raises."""


class Handlers:
    """The user's code: what it does is changed as a deployment would."""

    def __init__(self) -> None:
        self.broken = True
        self.handled: list[str] = []
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    async def mark_paid(self, event, job):
        said = event.json()
        if said.get("fate") == "permanent" and self.broken:
            raise Permanent(said["says"])
        if said.get("fate") == "failed" and self.broken:
            raise PriceError(said["says"])
        self.handled.append(event.vendor_id)

    async def waits(self, event, job):
        self.began.set()
        await self.go_on.wait()

    async def declines(self, event, job):
        raise Skip("not for us")


class Links(HTMLParser):
    """What a page refers to, what it shows, and the forms on it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.urls: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.urls += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


class Browser:
    """Keeps cookies, sends forms as a page of ours has made them, and says where they come from."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.origin = "/".join(base.split("/")[:3])
        self.client = httpx2.AsyncClient(base_url=base, timeout=PATIENCE)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers={"accept": "text/html", **headers})

    async def page(self, path: str) -> Links:
        reply = await self.get(path)
        assert reply.status_code == 200, reply.text
        return Links(reply.text)

    async def form_token(self, path: str) -> str:
        return re.search(r'name="form_token" value="([^"]+)"', (await self.get(path)).text)[1]

    async def post(self, path: str, on: str = "/events", **fields: str) -> httpx2.Response:
        form = {"form_token": await self.form_token(on), **fields}
        return await self.client.post(path, data=form, headers={"origin": self.origin})

    async def sign_in(self, role: str = "admin") -> "Browser":
        reply = await self.post("/login", on="/login", token=TOKENS[role])
        assert reply.status_code == 303, reply.text
        return self


class Site:
    """A hub that is served, with its dashboard."""

    def __init__(self, hub: Hub, handlers: Handlers, url: str, admin: str) -> None:
        self.hub = hub
        self.handlers = handlers
        self.url = url
        self.admin = admin
        self.browsers: list[Browser] = []
        self._client = httpx2.AsyncClient(timeout=PATIENCE)

    def browser(self, base: str | None = None) -> Browser:
        self.browsers.append(Browser(base or f"{self.admin}/dashboard"))
        return self.browsers[-1]

    async def signed_in(self, role: str = "admin") -> Browser:
        return await self.browser().sign_in(role)

    async def deliver(self, number: str, kind: str = "paid", **facts: Any) -> None:
        body = facts.pop("body", None)
        content = (
            json.dumps({"id": number, "type": kind, **facts}).encode() if body is None else body
        )
        signed = scheme("stripe", secrets=[SECRET]).sign(
            content, now=time.time(), event_id=number, event_type=kind
        )
        headers = {**dict(signed), "content-type": "application/json"}
        reply = await self._client.post(
            f"{self.url}/webhooks/billing", content=content, headers=headers
        )
        assert reply.status_code == 200, reply.text

    async def quiet(self) -> None:
        """Wait until every job has had its first attempt."""
        while True:
            with contextlib.closing(self.hub.reader()) as reader:
                seen = reader.events(limit=1000)
                if all(one.attempts or one.state is not State.PENDING for one in seen):
                    return
            await asyncio.sleep(0.01)

    def event(self, vendor_id: str) -> str:
        """Our id of it."""
        with contextlib.closing(self.hub.reader()) as reader:
            return reader.event(vendor_id)[0].summary.id

    def ids(self) -> list[str]:
        """Of all events."""
        with contextlib.closing(self.hub.reader()) as reader:
            return [one.id for one in reader.events(limit=1000)]

    def audit(self) -> list[tuple[str, str, str]]:
        """Who did what and why, the last first."""
        with contextlib.closing(self.hub.reader()) as reader:
            return [(one.actor, one.action, one.reason) for one in reader.audit()]

    def make_newer(self) -> None:
        """As if a version to come had changed the tables."""
        store = self.hub.settings.store
        if store.file is None:
            with psycopg.connect(store.url, autocommit=True) as beside:
                beside.execute(
                    "insert into hardpoint.meta values ('oldest', '99')"
                    " on conflict (name) do update set value = '99'"
                )
                beside.execute("update hardpoint.meta set value = '99' where name = 'schema'")
        else:
            with contextlib.closing(sqlite3.connect(store.file)) as beside, beside:
                beside.execute("update hardpoint_meta set value = '99' where name = 'schema'")

    async def close(self) -> None:
        for client in (self._client, *(one.client for one in self.browsers)):
            await client.aclose()


def settings_at(folder: Path, store: StoreSettings | None = None) -> Settings:
    tokens = {
        "admin": DashboardToken(secret=Secret.value(TOKENS["admin"])),
        "olga": DashboardToken(
            secret=Secret.value(TOKENS["operator"]), role=DashboardRole.OPERATOR
        ),
        "vera": DashboardToken(secret=Secret.value(TOKENS["viewer"]), role=DashboardRole.VIEWER),
    }
    sources = {
        "billing": SourceSettings(
            name="billing", provider="stripe", secrets=(Secret.value(SECRET),)
        )
    }
    rest = {"base_url": "http://127.0.0.1:9", "auth": "none"}
    return Settings(
        store=store or StoreSettings(path=folder / "events.db"),
        webhooks=sources,
        connections={
            "crm": ConnectionSettings(name="crm", provider="rest", options=rest, policy=ONCE)
        },
        dashboard=DashboardSettings(tokens=tokens),
    )


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def store_settings() -> StoreSettings | None:
    """Where the store is; None: in a file of the test."""
    return None


@pytest.fixture
def on_postgres(postgres_server: str) -> Iterator[StoreSettings]:
    """A database of its own."""
    name = f"dashboard_{next(_numbers)}"
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as beside:
        beside.execute(f"create database {name}")
    yield StoreSettings(database=postgres_server.format(name))
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as beside:
        beside.execute(f"drop database {name} with (force)")


@pytest.fixture
def site(tmp_path: Path, handlers: Handlers, store_settings) -> Callable[..., None]:
    """Plays a scenario on a site that is served."""

    async def run(scenario: Callable[[Site], Awaitable[None]], settings: Settings) -> None:
        hub = Hub(settings, clock=ShiftedClock())
        hub.on("billing", "paid", name="mark_paid", retry=[3600])(handlers.mark_paid)
        hub.on("billing", "twice", name="waits")(handlers.waits)
        hub.on("billing", "twice", name="declines")(handlers.declines)
        ready = asyncio.get_running_loop().create_future()
        server = Server(
            hub,
            port=0,
            admin_port=0,
            dashboard=hub.dashboard(),
            patience=QUICK,
            ready=ready.set_result,
        )
        async with asyncio.timeout(PATIENCE):
            running = asyncio.create_task(server.run())
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            told = ready.result()
            there = Site(hub, handlers, told.url, told.admin_url)
            try:
                await scenario(there)
            finally:
                await there.close()
                server.stop("the test is over")
                await running

    def play(scenario: Callable[[Site], Awaitable[None]], settings: Settings | None = None) -> None:
        asyncio.run(run(scenario, settings or settings_at(tmp_path, store_settings)))

    return play
