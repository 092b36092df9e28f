"""What has to hold at the story's end: each count with what is expected and what was found."""

from collections import Counter
from typing import Any, Final

from rich.table import Table

COUNTERS: Final = {"duplicate": 4, "signature_mismatch": 2, "stale_timestamp": 1}
"""What the source of Stripe's webhooks counts, once all of it is written."""

PAID: Final = ("1001", "1003", "1004", "1005")
DECLINED: Final = "1002"
PARKED: Final = "1005"
"""Nobody can say whether its receipt was sent: it is for a person to look."""

CountRow = tuple[str, Any, Any]


def rows(counts: dict[str, Any]) -> list[CountRow]:
    """Label, expected and found; see `hardpoint.demo.tally` for the counts."""
    refusals = counts["counters"].get("billing", {})
    orders = {order["id"]: order for order in counts["orders"]}
    paid = [order for order in orders.values() if order["status"] == "paid"]
    failed = [order for order in orders.values() if order["status"] == "failed"]
    charges = Counter(entry["reference"] for entry in _entries(counts, "stripe", "charge"))
    receipts = Counter(entry["subject"] for entry in _entries(counts, "sendgrid", "email"))
    texts = _entries(counts, "twilio", "message")
    states = counts["states"]
    return [
        ("orders paid", len(PAID), len(paid)),
        ("orders marked paid more than once", 0, sum(order["paid_times"] != 1 for order in paid)),
        ("charges at Stripe", len(PAID), sum(charges.values())),
        ("orders charged more than once", 0, sum(count > 1 for count in charges.values())),
        ("orders whose payment failed", 1, len(failed)),
        ("texts to the customer at Twilio", 1, len(texts)),
        ("what the shop knows of that text", "delivered", orders[DECLINED]["text_status"]),
        ("receipts at SendGrid", len(PAID) - 1, sum(receipts.values())),
        ("receipts sent more than once", 0, sum(count > 1 for count in receipts.values())),
        ("receipts that wait for a person to look", 1, states.get("needs_reconcile", 0)),
        ("repeats from Stripe", COUNTERS["duplicate"], refusals.get("duplicate", 0)),
        (
            "refused: forged or tampered (signature_mismatch)",
            COUNTERS["signature_mismatch"],
            refusals.get("signature_mismatch", 0),
        ),
        (
            "refused: replayed late (stale_timestamp)",
            COUNTERS["stale_timestamp"],
            refusals.get("stale_timestamp", 0),
        ),
        ("quarantined: known body under a new id", 1, states.get("quarantined", 0)),
        ("events retried until they succeeded", 1, counts["retried"]),
        ("dead letters", 0, states.get("dead", 0)),
        ("acknowledged events lost", 0, counts["lost"]),
    ]


def shown(found: list[CountRow]) -> Table:
    """The rows as people read them."""
    table = Table(
        title="\nWhat a separate process finds in the database and at the vendors",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    for label, expected, value in found:
        style = "green" if expected == value else "bold red"
        table.add_row(label, str(expected), f"[{style}]{value}[/]")
    return table


def _entries(counts: dict[str, Any], vendor: str, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in counts["vendors"][vendor] if entry["kind"] == kind]
