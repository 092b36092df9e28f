import app

from hardpoint.testing import commit_then_drop, status


def test_a_deal_that_is_won_is_welcomed_once(hardpoint_hub):
    crm = hardpoint_hub.fake("crm")
    crm.app.on("GET /deals/7", {"id": 7, "name": "Roof"})
    crm.app.on("POST /notes", {})
    crm.faults.next(status(503))
    crm.faults.next(commit_then_drop(), on="POST /notes")

    hardpoint_hub.deliver("crm", "deal.won", {"deal": 7})
    hardpoint_hub.drained()

    assert crm.app.ledger.count("call") == 1
    assert app.crm.connection.name == "crm"
