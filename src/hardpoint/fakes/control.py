"""Steering a fake from any language: a few requests under `/_hardpoint/`.

| request | what it does |
|---|---|
| `GET ledger` | what the vendor did: `[{"kind": "charge", ...}]` |
| `GET requests` | what came and what became of it |
| `GET webhooks` | the webhooks that wait to be sent, their bodies as text |
| `POST webhooks` | sends them now: `{"url": "http://127.0.0.1:8000/", "chaos": "duplicates=1"}` |
| `POST faults` | plans faults, one a line: `status=503,times=2` |
| `POST clear` | forgets faults, ledger, requests and webhooks; what the vendor holds stays |
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import final
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.emitter import Emission
from hardpoint.fakes.faults import Faults
from hardpoint.fakes.messages import App, Exchange, FakeReply, Received
from hardpoint.fakes.orders import chaos_of, fault_of
from hardpoint.fakes.vendors import emitter_of
from hardpoint.http.limits import on_loopback

CONTROL = "/_hardpoint/"


class _Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where waiting webhooks are to go, and how."""

    url: str
    chaos: str = ""
    seed: int = 0


_delivery = msgspec.json.Decoder(_Delivery).decode


@final
class Control:
    """Answers what concerns the fake itself.

    Args:
        app: the vendor.
        faults: its plan.
        exchanges: what came.
    """

    def __init__(self, app: App, faults: Faults, exchanges: deque[Exchange]) -> None:
        self._app = app
        self._faults = faults
        self._exchanges = exchanges
        self._emitter = emitter_of(app)
        self._controls: Mapping[tuple[str, str], Callable[[bytes], Awaitable[FakeReply]]] = {
            ("GET", "ledger"): self._ledger,
            ("GET", "requests"): self._requests,
            ("GET", "webhooks"): self._waiting,
            ("POST", "webhooks"): self._deliver,
            ("POST", "faults"): self._plan,
            ("POST", "clear"): self._clear,
        }

    async def answer(self, request: Received) -> FakeReply:
        """Do it, or say why not."""
        if "origin" in request.headers:
            return _refused("a page in a browser may not steer a fake", 403)
        control = self._controls.get((request.method, request.path.removeprefix(CONTROL)))
        if control is None:
            return _refused("no such control", 404)
        try:
            return await control(request.body)
        except ConfigurationError as error:
            return _refused(f"{error.key} {error.problem}. {error.fix}")
        except ValueError as error:  # no UTF-8, not the JSON we take, no URL
            return _refused(str(error))

    async def _ledger(self, _: bytes) -> FakeReply:
        entries = self._app.ledger.entries()
        return FakeReply.json([{"kind": one.kind, **one.facts} for one in entries])

    async def _requests(self, _: bytes) -> FakeReply:
        return FakeReply.json(list(self._exchanges))

    async def _waiting(self, _: bytes) -> FakeReply:
        waiting = self._emitter.waiting() if self._emitter else ()
        return FakeReply.json([_shown(one) for one in waiting])

    async def _deliver(self, body: bytes) -> FakeReply:
        if self._emitter is None:
            return _refused(f"{self._app.name} sends no webhooks", 404)
        wanted = _delivery(body)
        if not on_loopback(urlsplit(wanted.url).hostname):
            return _refused("webhooks go to this machine only")
        chaos = chaos_of(wanted.chaos, seed=wanted.seed)
        # On a thread: the receiver may ask the fake something before it answers.
        delivered = await asyncio.to_thread(self._emitter.deliver, wanted.url, chaos)
        return FakeReply.json(delivered)

    async def _plan(self, body: bytes) -> FakeReply:
        orders = [fault_of(line) for line in body.decode().splitlines() if line.strip()]
        for order in orders:
            order.place(self._faults)
        return FakeReply.json({"planned": len(orders)})

    async def _clear(self, _: bytes) -> FakeReply:
        self._faults.clear()
        self._app.ledger.clear()
        self._exchanges.clear()
        if self._emitter is not None:
            self._emitter.pending()
        return FakeReply.json({})


def _shown(emission: Emission) -> dict[str, str]:
    return {
        "id": emission.event_id,
        "type": emission.event_type,
        "content_type": emission.content_type,
        "body": emission.body.decode("utf-8", "replace"),
    }


def _refused(why: str, status: int = 400) -> FakeReply:
    return FakeReply.json({"error": why}, status)
