"""Subscriptions of servers that others have written: graphql-ws itself, strawberry and ariadne."""

import asyncio
import contextlib
import subprocess
import threading
import urllib.request
from collections.abc import AsyncGenerator
from pathlib import Path

import ariadne
import ariadne.asgi
import ariadne.asgi.handlers
import pytest
import strawberry
import strawberry.asgi
import uvicorn
from tests.clients.graphql.conftest import Api

from hardpoint.clients import Follow, GraphQLError
from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.core.secrets import Secret
from hardpoint.resilience.retry import constant
from hardpoint.testing.conformance.modes import AsyncMode

FOLDER = Path(__file__).parents[2] / "acceptance" / "graphql_ws"
COUNT = "subscription Count($after: Int, $to: Int!) { count(after: $after, to: $to) }"
SOON = Follow(constant(1.0), idle=None)


@contextlib.contextmanager
def by_graphql_ws():
    with subprocess.Popen(
        ["node", "server.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(10)


def numbers(after, to):
    return range((after or 0) + 1, to + 1)


@strawberry.type
class Query:
    a: str = "a"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int, after: int | None = None) -> AsyncGenerator[int]:
        for number in numbers(after, to):
            yield number


subscription = ariadne.SubscriptionType()


@subscription.source("count")
async def source(_, info, to, after=None):
    for number in numbers(after, to):
        yield number


@subscription.field("count")
def count(number, info, to, after=None):
    return number


SCHEMA = "type Query { a: String } type Subscription { count(after: Int, to: Int!): Int }"


@contextlib.contextmanager
def served(app):
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_level="critical", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    address = []

    async def serve():
        sockets = [config.bind_socket()]
        sockets[0].listen()
        address.append(sockets[0].getsockname()[1])
        started.set()
        await server.serve(sockets)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{address[0]}"
    finally:
        server.should_exit = True
        thread.join(10)


def by_strawberry():
    schema = strawberry.Schema(Query, subscription=Subscription)
    return served(strawberry.asgi.GraphQL(schema))


def by_ariadne():
    schema = ariadne.make_executable_schema(SCHEMA, subscription)
    handler = ariadne.asgi.handlers.GraphQLTransportWSHandler()
    return served(ariadne.asgi.GraphQL(schema, websocket_handler=handler))


@pytest.fixture(scope="module", params=[by_graphql_ws, by_strawberry, by_ariadne])
def url(request):
    with request.param() as address:
        yield address


@pytest.fixture
def node():
    with by_graphql_ws() as address:
        yield address


@pytest.fixture
def mode():
    one = AsyncMode()
    yield one
    one.close()


async def collected(shop, variables, **options):
    async with shop.subscribe(COUNT, variables, follow=SOON, **options) as found:
        return [one async for one in found]


def test_results_come_until_the_end(url, mode):
    shop = Api(mode, url).client()
    assert mode.do(collected(shop, {"to": 5})) == [{"count": one} for one in range(1, 6)]


def test_what_cannot_be_asked_is_refused(url, mode):
    shop = Api(mode, url).client()

    async def nothing():
        async with shop.subscribe("subscription { nothing }", follow=SOON) as found:
            return [one async for one in found]

    with pytest.raises(GraphQLError):
        mode.do(nothing())


def test_what_breaks_is_taken_up_again(node, mode):
    api = Api(mode, node)
    shop = api.client()

    def reset():
        urllib.request.urlopen(f"{node}/reset", timeout=10).close()

    async def counted():
        found = []
        counting = shop.subscribe(
            COUNT, {"to": 1000}, resume=lambda last: {"after": last["count"]}, follow=SOON
        )
        async with counting as results:
            async for one in results:
                found.append(one)
                if one == {"count": 500}:
                    await asyncio.to_thread(reset)
                if one == {"count": 1000}:
                    break
            await asyncio.to_thread(reset)
            await asyncio.wait([waiting := asyncio.ensure_future(anext(aiter(results)))], timeout=1)
            waiting.cancel()
        return found

    assert mode.do(counted()) == [{"count": one} for one in range(1, 1001)]
    assert api.attempts >= 2


def test_who_is_not_let_in_does_not_come_again(node, mode):
    shop = Api(mode, node).client(auth="bearer", key=Secret.value("no"))
    with pytest.raises(UnexpectedResponseError, match="closed with 4403"):
        mode.do(collected(shop, {"to": 5}))
