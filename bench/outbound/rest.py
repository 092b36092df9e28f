"""Any API by configuration, beside the transport that carries it, a port, and others' clients."""

from typing import Any

import httpx2
import msgspec

from bench.outbound.beneath import session
from bench.outbound.contenders import (
    HEADERS,
    INTENT,
    KEY,
    PAYMENTS,
    Call,
    connection,
    contender,
    gateway,
)
from hardpoint.clients import RestClient, RestDriver, RestSettings
from hardpoint.core.secrets import Secret
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Request, Transport
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.runtime.effects import Runtime
from hardpoint.sync import RestClient as BlockingRest
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

TARGET = f"{PAYMENTS}/{INTENT}"


class Payment(msgspec.Struct):
    id: str


def client(url: str, transport: Transport, runtime: Runtime) -> RestClient:
    settings = RestSettings(
        base_url=url,
        key=Secret.value(KEY),
        headers={"stripe-version": HEADERS["stripe-version"]},
    )
    return RestClient(RestDriver(transport, settings), connection("crm", runtime))


@contender("call any API", "async", "bare", "hardpoint: AsyncTransport alone")
def bare(url: str) -> Call:
    transport = AsyncTransport()
    request = Request(method="GET", url=f"{url}{TARGET}", headers=tuple(HEADERS.items()))

    async def call() -> str:
        return msgspec.json.decode((await transport.send(request)).body, type=Payment).id

    return call


@contender("call any API", "async", "ours", "hardpoint: RestClient, policy")
def ours(url: str) -> Call:
    api = client(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await api.get("/v1/payment_intents/{id}", id=INTENT, into=Payment)).id

    return call


@contender("call any API", "blocking", "bare", "hardpoint: BlockingTransport alone")
def bare_blocking(url: str) -> Call:
    transport = BlockingTransport()
    request = Request(method="GET", url=f"{url}{TARGET}", headers=tuple(HEADERS.items()))
    return lambda: msgspec.json.decode(run(transport.send(request)).body, type=Payment).id


@contender("call any API", "blocking", "ours", "hardpoint.sync: RestClient, policy")
def ours_blocking(url: str) -> Call:
    api = BlockingRest(client(url, BlockingTransport(), BlockingRuntime()))
    return lambda: api.get("/v1/payment_intents/{id}", id=INTENT, into=Payment).id


@contender("call any API", "async", "peer", "hardpoint: PaymentGateway, policy, Stripe")
def payment(url: str) -> Call:
    port = gateway(url, AsyncTransport(), AsyncRuntime())

    async def call() -> str:
        return (await port.get_payment(f"shop:{INTENT}")).id

    return call


@contender("call any API", "async", "peer", "httpx2.AsyncClient")
def by_httpx2(url: str) -> Call:
    client = httpx2.AsyncClient(base_url=url, headers=HEADERS)

    async def call() -> str:
        return msgspec.json.decode((await client.get(TARGET)).content, type=Payment).id

    return call


@contender("call any API", "async", "peer", "aiohttp.ClientSession")
def by_aiohttp(url: str) -> Call:
    sessions: list[Any] = []

    async def call() -> str:
        if not sessions:  # which belongs to a running loop
            from aiohttp import ClientSession, TCPConnector

            sessions.append(ClientSession(headers=HEADERS, connector=TCPConnector(limit=0)))
        async with sessions[0].get(f"{url}{TARGET}") as reply:
            return msgspec.json.decode(await reply.read(), type=Payment).id

    return call


@contender("call any API", "blocking", "peer", "hardpoint.sync: PaymentGateway, policy, Stripe")
def payment_blocking(url: str) -> Call:
    port = BlockingGateway(gateway(url, BlockingTransport(), BlockingRuntime()))
    return lambda: port.get_payment(f"shop:{INTENT}").id


@contender("call any API", "blocking", "peer", "httpx2.Client")
def by_httpx2_blocking(url: str) -> Call:
    client = httpx2.Client(base_url=url, headers=HEADERS)
    return lambda: msgspec.json.decode(client.get(TARGET).content, type=Payment).id


@contender("call any API", "blocking", "peer", "requests.Session")
def by_requests(url: str) -> Call:
    client = session(None)
    client.headers.update(HEADERS)
    return lambda: msgspec.json.decode(client.get(f"{url}{TARGET}").content, type=Payment).id
