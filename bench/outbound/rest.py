"""Any API by configuration, beside the transport that carries it: what the client itself costs."""

import msgspec

from bench.outbound.contenders import HEADERS, INTENT, KEY, PAYMENTS, Call, connection, contender
from hardpoint.clients import RestClient, RestDriver, RestSettings
from hardpoint.core.secrets import Secret
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Request, Transport
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.runtime.effects import Runtime
from hardpoint.sync import RestClient as BlockingRest

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
