import io

import pytest
from rich.console import Console

from hardpoint.demo.counts import COUNTERS, DECLINED, PAID, rows, shown


def order(identifier, **facts):
    return {"id": identifier, "status": "paid", "paid_times": 1, "text_status": None} | facts


HOLDING = {
    "states": {"total": 20, "needs_reconcile": 1, "quarantined": 1, "dead": 0},
    "counters": {"billing": COUNTERS},
    "retried": 1,
    "orders": [
        *(order(one) for one in PAID),
        order(DECLINED, status="failed", paid_times=0, text_status="delivered"),
    ],
    "vendors": {
        "stripe": [{"kind": "charge", "reference": one} for one in PAID],
        "sendgrid": [{"kind": "email", "subject": one} for one in PAID[:-1]],
        "twilio": [{"kind": "message"}],
    },
    "lost": 0,
}


def off(counts):
    return [label for label, expected, found in rows(counts) if expected != found]


def test_counts_that_hold_are_told_from_one_that_is_off():
    assert off(HOLDING) == []
    assert off({**HOLDING, "lost": 1}) == ["acknowledged events lost"]
    told = Console(file=io.StringIO(), width=120)
    told.print(shown(rows({**HOLDING, "lost": 1})))
    assert "acknowledged events lost" in told.file.getvalue()


@pytest.mark.parametrize(
    ("vendor", "entry", "labels"),
    [
        (
            "stripe",
            {"kind": "charge", "reference": PAID[0]},
            ["charges at Stripe", "orders charged more than once"],
        ),
        (
            "sendgrid",
            {"kind": "email", "subject": PAID[0]},
            ["receipts at SendGrid", "receipts sent more than once"],
        ),
        ("twilio", {"kind": "message"}, ["texts to the customer at Twilio"]),
    ],
)
def test_what_happened_twice_at_a_vendor_is_noticed(vendor, entry, labels):
    vendors = HOLDING["vendors"] | {vendor: [*HOLDING["vendors"][vendor], entry]}
    assert off({**HOLDING, "vendors": vendors}) == labels


def test_an_order_marked_paid_twice_is_noticed():
    orders = [{**one, "paid_times": 2} for one in HOLDING["orders"]]
    assert off({**HOLDING, "orders": orders}) == ["orders marked paid more than once"]
