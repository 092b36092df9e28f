import deals

from hardpoint.testing import commit_then_drop

DEALS = [{"id": number, "name": f"Deal {number}", "amount": "10.00"} for number in range(3)]


def test_every_deal_is_copied_once_although_answers_are_lost(hardpoint_hub):
    api = hardpoint_hub.fake("crm")
    api.app.on("GET /deals", {"data": DEALS, "next": None})
    api.app.on("POST /deals", {})
    api.faults.next(commit_then_drop(), on="POST /deals")

    assert deals.copy_deals() == 3
    assert deals.copy_deals() == 3

    assert api.app.ledger.count("call") == 3
