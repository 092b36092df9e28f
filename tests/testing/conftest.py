"""An application, and how its suite is run."""

import pytest
from _pytest.pytester import SysModulesSnapshot

CONFIGURATION = """
[store]
url = "sqlite:shop.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:NOBODY_SETS_THIS"]

[connections.billing]
provider = "stripe"
secret_key = "env:NOBODY_SETS_THIS"
"""


SHOP = """
from hardpoint import Hub, Money, RetryAfter

hub = Hub.load("hardpoint.toml")
payments = hub.payments("billing")
paid = []


@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event, job):
    paid.append(event.json()["data"]["object"]["metadata"].get("reference"))


@hub.on("billing", "payment_intent.canceled")
def refuse(event, job):
    raise ValueError("there is no such order")


@hub.on("billing", "customer.created")
def later(event, job):
    raise RetryAfter(60, "not yet")


async def pay(order):
    return await payments.create_payment(
        Money("10", "EUR"),
        payment_method="pm_card_visa",
        reference=order,
        idempotency_key=order,
    )
"""


INI = """[pytest]
filterwarnings = error
pythonpath = .
hardpoint_hub = {hub}
hardpoint_network = loopback
"""


@pytest.fixture
def kept_modules(monkeypatch):
    """A run in this process forgets the application, and nothing else that it imported."""

    def kept(preserve):
        return SysModulesSnapshot(preserve=lambda name: not name.startswith(("test_", "shop")))

    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot", kept)


@pytest.fixture
def suite(kept_modules, pytester, monkeypatch):
    """Runs a suite of an application in this process; gives its result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source, *arguments, hub="shop:hub", shop=SHOP, toml=CONFIGURATION, **outcomes):
        pytester.makeini(INI.format(hub=hub))
        (pytester.path / "hardpoint.toml").write_text(toml)
        pytester.makepyfile(source, shop=shop)
        result = pytester.runpytest_inprocess(
            "-p", "no:xdist", "-p", "no:cacheprovider", *arguments
        )
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    return run
