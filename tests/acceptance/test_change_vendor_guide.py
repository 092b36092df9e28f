"""The guide to another payment vendor is an application: it runs as it stands, with both fakes."""

import re
from pathlib import Path

pytest_plugins = ["pytester"]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "change-your-payment-vendor.md"
INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = shop:hub
hardpoint_network = loopback
"""
SUITE = """
import sqlite3
from contextlib import closing

import pytest

from hardpoint import InvalidRequestError, Money
from hardpoint.payments import PaymentStatus

TEN = Money("10", "EUR")


def told(hub):
    with closing(sqlite3.connect(hub.hub.settings.store.path)) as connection:
        return dict(connection.execute("select payment || ' ' || what, reference from told"))


def test_the_shop_changes_its_vendor(hardpoint_hub):
    import shop

    run, old = hardpoint_hub.run, hardpoint_hub.fake("old").app
    new = hardpoint_hub.fake("new").app
    before = run(
        shop.hub.payments("old").create_payment(
            TEN, payment_method="pm_card_visa", reference="1001"
        )
    )
    pages = [run(shop.page_of("1002", TEN)) for _ in range(2)]
    assert pages[0] == pages[1]
    new.account.pay_on_page(pages[0].id.partition(":")[2])
    page = run(shop.hub.payments("new").get_checkout(pages[0].id))
    after = run(shop.gateway_of(page.payment_id).get_payment(page.payment_id))
    assert (after.status, after.reference) == (PaymentStatus.SUCCEEDED, "1002")
    for payment in (before, after):
        for part in (Money("4", "EUR"), None, None):
            run(shop.give_back(payment.id, part))
        assert run(shop.gateway_of(payment.id).get_payment(payment.id)).refunded == TEN
    assert [old.ledger.count("refund"), new.ledger.count("refund")] == [2, 2]
    with pytest.raises(InvalidRequestError, match="belongs to another connection"):
        run(shop.hub.payments("new").get_payment(before.id))
    old.account.dispute(before.id.partition(":")[2], "created")
    new.account.dispute(after.id.partition(":")[2], "LOST")
    for source in ("old", "new"):
        hardpoint_hub.deliver(source)
    hardpoint_hub.drained()
    assert told(hardpoint_hub) == {
        f"{before.id} paid": "1001",
        f"{before.id} refunded": None,
        f"{before.id} dispute needs_response": None,
        f"{after.id} paid": "1002",
        f"{after.id} refunded": None,
        f"{after.id} dispute lost": None,
    }
"""


def test_every_block_runs(pytester):
    text = GUIDE.read_text()
    tables = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (pytester.path / "hardpoint.toml").write_text("\n".join(tables))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    (pytester.path / "shop.py").write_text("\n\n".join(blocks))
    pytester.makeini(INI)
    pytester.makepyfile(test_shop=SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
