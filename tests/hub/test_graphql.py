"""Any GraphQL API from a configuration file: `hub.graphql`, in both hubs."""

import asyncio

import pytest

from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.core.errors import ConfigurationError, IdempotencyConflictError
from hardpoint.fakes.faults import status
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.sync import Hub as BlockingHub
from hardpoint.testing import no_delays

PRODUCT = "query Product($id: ID!) { product(id: $id) { title } }"
REFUND = "mutation Refund($id: ID!) { refund(id: $id) { id } }"
CONFIGURATION = """
[store]
url = "sqlite:events.db"

[connections.shop]
provider = "graphql"
base_url = "{url}/admin"
key = "env:SHOP_KEY"
{more}
"""


@pytest.fixture
def server():
    with FakeServer(FakeGraphQL()) as running:
        running.app.on("Product", {"product": {"title": "Roof"}})
        running.app.on("Refund", {"refund": {"id": "8"}})
        yield running


@pytest.fixture
def load(tmp_path, monkeypatch, server):
    monkeypatch.setenv("SHOP_KEY", "sk_shop_123456")

    def loaded(more="", kind=Hub):
        path = tmp_path / "hardpoint.toml"
        path.write_text(CONFIGURATION.format(url=server.url, more=more))
        return kind.load(path)

    return loaded


def test_a_query_is_answered(load, server):
    async def main():
        async with load() as hub:
            return await hub.graphql("shop").query(PRODUCT, {"id": 7})

    with no_delays():
        server.faults.next(status(503))
        assert asyncio.run(main()) == {"product": {"title": "Roof"}}
    assert server.requests == 2
    assert server.app.asked[0].headers["authorization"] == "Bearer sk_shop_123456"


def test_where_the_api_knows_no_keys_the_journal_stands_in(load, server):
    with load(kind=BlockingHub) as hub:
        shop = hub.graphql("shop")
        first = shop.mutate(REFUND, {"id": 8}, idempotency_key="r-8")
        assert shop.mutate(REFUND, {"id": 8}, idempotency_key="r-8") == first
        with pytest.raises(IdempotencyConflictError):
            shop.mutate(REFUND, {"id": 9}, idempotency_key="r-8")
    assert first == {"refund": {"id": "8"}}
    assert server.app.ledger.count("mutation") == 1


def test_everything_can_be_said_in_the_file(load, server):
    more = """
path = "/api/graphql.json"
auth = "header"
header = "X-Shop-Token"
idempotency_variable = "key"
persisted = true
uncoded = "answer"
errors = { OUT_OF_STOCK = "conflict" }
"""
    with load(more, kind=BlockingHub) as hub:
        hub.graphql("shop").mutate(REFUND, idempotency_key="r-8")
        hub.graphql("shop").query(PRODUCT)
    [refund, _] = server.app.asked
    assert refund.headers["x-shop-token"] == "sk_shop_123456"
    assert refund.variables == {"key": "r-8"}


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('path = "graphql"', "path"),
        ('path = "/a?b"', "path"),
        ('path = "/{id}"', "path"),
        ('idempotency_variable = "a..b"', "idempotency_variable"),
        ('idempotency_variable = "a"\nidempotency_header = "K"', "idempotency_variable"),
        ('uncoded = "perhaps"', "uncoded"),
        ('auth = "query"', "auth"),
        ('method = "GET"', "method"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(load, more, key):
    with pytest.raises(ConfigurationError) as caught:
        load(more)
    assert key in caught.value.key


def test_another_kind_of_connection_says_which_can(load):
    with load(kind=BlockingHub) as hub, pytest.raises(ConfigurationError, match="with rest: rest"):
        hub.rest("shop")
