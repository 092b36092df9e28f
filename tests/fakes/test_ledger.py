from hardpoint.fakes.ledger import Ledger


def test_what_happened_is_kept_in_order_and_found_by_kind_and_facts():
    ledger = Ledger()
    ledger.record("charge", id="a", amount=1)
    ledger.record("refund", id="b", amount=1)
    ledger.record("charge", id="c", amount=2)
    assert [entry.facts["id"] for entry in ledger.entries()] == ["a", "b", "c"]
    assert [entry.facts["id"] for entry in ledger.entries("charge")] == ["a", "c"]
    assert ledger.count(amount=1) == 2
    assert ledger.count("charge", amount=2) == 1
    assert ledger.count("charge", size=2) == 0


def test_a_cleared_ledger_is_empty():
    ledger = Ledger()
    ledger.record("charge")
    ledger.clear()
    assert ledger.entries() == ()
