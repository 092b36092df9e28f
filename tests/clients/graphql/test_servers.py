"""Servers that others have written: strawberry answers errors with 200, ariadne with 400."""

import asyncio
import threading

import ariadne
import ariadne.asgi
import pytest
import strawberry
import strawberry.asgi
import uvicorn
from tests.clients.graphql.conftest import Api

from hardpoint.clients import GraphQLError
from hardpoint.core.errors import OutcomeUnknownError

PRODUCT = "query Product($id: Int!) { product(id: $id) { id title } }"
LIST = """
query List($after: String) {
  products(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}
"""
REFUND = "mutation Refund($id: Int!) { refund(id: $id) }"


def title(number):
    if number == 13:
        raise ValueError("no title")
    return f"Product {number}"


def page(after):
    begin = int(after or 0)
    ids = list(range(begin, min(begin + 2, 5)))
    return ids, begin + 2 < 5, str(begin + 2)


# strawberry


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str


@strawberry.type
class Product:
    id: int

    @strawberry.field
    def title(self) -> str | None:
        return title(self.id)


@strawberry.type
class Products:
    nodes: list[Product]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    def product(self, id: int) -> Product:  # noqa: A002 - the API's word
        return Product(id=id)

    @strawberry.field
    def products(self, after: str | None = None) -> Products:
        ids, more, cursor = page(after)
        return Products(
            nodes=[Product(id=one) for one in ids],
            page_info=PageInfo(has_next_page=more, end_cursor=cursor),
        )


@strawberry.type
class Mutation:
    @strawberry.mutation
    def refund(self, id: int) -> bool:  # noqa: A002 - the API's word
        if id == 13:
            raise ValueError("the bank hung up")
        return True


# ariadne

SCHEMA = """
type Query { product(id: Int!): Product!, products(after: String): Products! }
type Mutation { refund(id: Int!): Boolean! }
type Product { id: Int!, title: String }
type Products { nodes: [Product!]!, pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean!, endCursor: String! }
"""
query = ariadne.QueryType()
mutation = ariadne.MutationType()
product = ariadne.ObjectType("Product")


@query.field("product")
def one(_, info, id):  # noqa: A002 - the API's word
    return {"id": id}


@query.field("products")
def many(_, info, after=None):
    ids, more, cursor = page(after)
    return {
        "nodes": [{"id": one} for one in ids],
        "pageInfo": {"hasNextPage": more, "endCursor": cursor},
    }


@product.field("title")
def titled(found, info):
    return title(found["id"])


@mutation.field("refund")
def refund(_, info, id):  # noqa: A002 - the API's word
    return Mutation.refund(None, id) if id != 13 else 1 / 0


APPS = {
    "strawberry": strawberry.asgi.GraphQL(strawberry.Schema(Query, Mutation)),
    "ariadne": ariadne.asgi.GraphQL(
        ariadne.make_executable_schema(SCHEMA, query, mutation, product)
    ),
}


@pytest.fixture(scope="module", params=APPS)
def url(request):
    config = uvicorn.Config(APPS[request.param], port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    started = threading.Event()

    async def serve():
        sockets = [config.bind_socket()]
        sockets[0].listen()
        serve.address = sockets[0].getsockname()
        started.set()
        await server.serve(sockets)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert started.wait(10)
    yield f"http://127.0.0.1:{serve.address[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def served(url, mode):
    return Api(mode, url)


def test_they_are_asked(served):
    found = served.do(served.client().query(PRODUCT, {"id": 7}))
    assert found == {"product": {"id": 7, "title": "Product 7"}}
    assert served.do(served.client().mutate(REFUND, {"id": 7})) == {"refund": True}


def test_their_lists_are_walked(served):
    nodes = served.items(served.client().nodes(LIST, at="products"))
    assert nodes == [{"id": number} for number in range(5)]


def test_a_field_that_fails_is_told_beside_the_rest(served):
    shop = served.client()
    error = served.fails(shop.query, PRODUCT, {"id": 13})
    assert isinstance(error, GraphQLError)
    assert error.path == ("product", "title")
    assert error.data == {"product": {"id": 13, "title": None}}
    part = served.do(shop.query_partial(PRODUCT, {"id": 13}))
    assert (part.data["product"]["id"], len(part.errors)) == (13, 1)


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("query { nothing }", {}),
        ("query { product(id: 1) { ", {}),
        ("query { product(id: 1) { a(b: }", {}),
        (PRODUCT, {}),
        (PRODUCT, {"id": "x"}),
    ],
)
def test_what_they_cannot_do_is_an_answer(served, document, variables):
    error = served.fails(served.client().query, document, variables)
    assert isinstance(error, GraphQLError) or error.field == "document"
    assert served.attempts <= 1


def test_a_mutation_that_breaks_off_is_in_doubt(served):
    error = served.fails(served.client().mutate, REFUND, {"id": 13})
    assert isinstance(error, OutcomeUnknownError)
    error = served.fails(served.client().mutate, "mutation { nothing }")
    assert isinstance(error, GraphQLError)
