"""A script that refunds every cancelled order of a shop that speaks GraphQL.

SHOP_KEY=... python refunds.py
"""

from dataclasses import dataclass

from hardpoint.sync import Hub

CANCELLED = """
query Cancelled($after: String) {
  orders(query: "status:cancelled", after: $after) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}
"""
REFUND = "mutation Refund($order: ID!) { refund(order: $order) { id } }"


@dataclass
class Order:
    id: str


hub = Hub.load("hardpoint.toml")
shop = hub.graphql("shop")


def refund_cancelled() -> int:
    """Refund each; run it again after a crash, and none is refunded twice."""
    count = 0
    for order in shop.nodes(CANCELLED, at="orders", into=Order):
        shop.mutate(REFUND, {"order": order.id}, idempotency_key=f"refund-{order.id}")
        count += 1
    return count


if __name__ == "__main__":
    with hub:
        print(f"{refund_cancelled()} orders refunded")
