"""The fault matrix of every port, for any GraphQL API."""

import hardpoint.sync
from hardpoint.clients import GraphQLClient, GraphQLSettings
from hardpoint.clients.graphql.driver import GraphQLDriver
from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.core.errors import NotFoundError
from hardpoint.testing.conformance.faults import Adapter, FaultConformance

PRODUCT = "query Product { product }"
MISSING = "query Missing { product }"
REFUND = "mutation Refund { refund }"


def vendor():
    made = FakeGraphQL()
    made.name = "127.0.0.1"  # what errors call an API: its host
    made.on("Product", {"product": 7})
    made.on("Missing", {}, status=404)
    made.on("Refund", {"refund": 8})
    return made


def adapter(calls, **options):
    return Adapter(
        vendor=vendor,
        port=lambda transport, url, connection: GraphQLClient(
            GraphQLDriver(transport, GraphQLSettings(base_url=url, auth="none", **options)),
            connection,
        ),
        facade=hardpoint.sync.GraphQLClient,
        calls=calls,
        effects="mutation",
        refused=(lambda shop: shop.query(MISSING), NotFoundError),
    )


class TestWithoutKeys(FaultConformance):
    adapter = adapter(
        {"read": lambda shop: shop.query(PRODUCT), "unkeyed": lambda shop: shop.mutate(REFUND)}
    )


class TestWithKeys(FaultConformance):
    adapter = adapter(
        {"keyed": lambda shop: shop.mutate(REFUND)}, idempotency_header="Idempotency-Key"
    )
