import refunds

from hardpoint.testing import commit_then_drop


def listed(asked):
    first = asked.variables.get("after") is None
    nodes = [{"id": one} for one in (["1", "2"] if first else ["3"])]
    return {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": first, "endCursor": "a"}}}


def test_every_order_is_refunded_once_although_an_answer_is_lost(hardpoint_hub):
    api = hardpoint_hub.fake("shop")
    api.app.on("Cancelled", listed)
    api.app.on("Refund", {"refund": {"id": "r"}})
    api.faults.next(commit_then_drop(), on="POST /graphql")

    assert refunds.refund_cancelled() == 3
    assert refunds.refund_cancelled() == 3

    assert api.app.ledger.count("mutation", name="Refund") == 3
