"""The shop on two sets of vendors: its code is the same, and its customers see the same."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import pytest

from hardpoint.demo.shop import Shop, example
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, fake
from hardpoint.providers.smtp.fake_server import FakeSmtp

PHONE = "+4917012345678"
SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_fake",
    "STRIPE_WEBHOOK_SECRET": "whsec_fake",
    "TWILIO_AUTH_TOKEN": "fake_auth_token",
    "SENDGRID_API_KEY": "SG.fake",
    "SLACK_BOT_TOKEN": "xoxb-fake",
    "SQUARE_ACCESS_TOKEN": "EAAAfake-access-token",
    "SQUARE_SIGNATURE_KEY": "fake_signature_key",
    "VONAGE_SIGNATURE_SECRET": "fake_signature_secret_of_32_digits",
    "VONAGE_API_SECRET": "fake_api_secret",
    "DISCORD_BOT_TOKEN": "ZmFrZQ.ZmFrZQ.ZmFrZQ",
}


@dataclass
class Vendors:
    """Whom a configuration names, in the order of its ports, and what only their fakes can say."""

    configuration: str
    names: tuple[str, ...]
    pay: Any
    """The customer pays on the vendor's page of an id."""
    receive: Any
    """The customer texts the shop."""

    def __post_init__(self):
        self.apps = {name: fake(name) for name in self.names}
        self.billing, self.texts, self.ops = (self.apps[self.names[at]] for at in (0, 1, -1))
        self.smtp = None if "sendgrid" in self.names else FakeSmtp()

    def mails(self):
        return len(self.apps["sendgrid"].mails if self.smtp is None else self.smtp.mails)


SETS = {
    "hardpoint.toml": partial(
        Vendors,
        names=("stripe", "twilio", "sendgrid", "slack"),
        pay=lambda vendor, page: vendor.pages.pay(page),
        receive=lambda vendor, text, url: vendor.receive(PHONE, text, url=url),
    ),
    "other_vendors.toml": partial(
        Vendors,
        names=("square", "vonage", "discord"),
        pay=lambda vendor, page: vendor.account.pay_on_page(page),
        receive=lambda vendor, text, url: vendor.receive(PHONE, text),
    ),
}


@pytest.fixture(scope="module", params=SETS)
def vendors(request):
    return SETS[request.param](request.param)


@pytest.fixture(scope="module")
def shop(vendors, tmp_path_factory):
    with ExitStack() as stack:
        text = (example() / vendors.configuration).read_text()
        for port, app in enumerate(vendors.apps.values(), 12111):
            server = stack.enter_context(FakeServer(app))
            text = text.replace(f"http://127.0.0.1:{port}", server.url)
            if (emitter := emitter_of(app)) is not None:
                stack.callback(emitter.close)
        secrets = dict(SECRETS)
        if vendors.smtp is not None:
            secrets["SMTP_URL"] = stack.enter_context(vendors.smtp).url
        text = text.replace("http://127.0.0.1:8000", "{shop}")
        shop = Shop(tmp_path_factory.mktemp("shop"), {}, secrets, configuration=text)
        asyncio.run(shop.start())
        stack.callback(shop.stop)
        yield stack.enter_context(httpx2.Client(base_url=shop.url, trust_env=False, timeout=30))


def told(shop, vendor, source):
    """All that a vendor has to say reaches the shop; every request is answered with 2xx."""
    url = f"{str(shop.base_url).rstrip('/')}/webhooks/{source}"
    delivered = vendor.emitter.deliver(url)
    assert delivered
    assert {one.status // 100 for one in delivered} == {2}


def until(shop, order, holds):
    deadline = time.monotonic() + 30
    while not holds(known := shop.get(f"/orders/{order}").json()):
        assert time.monotonic() < deadline, known
        time.sleep(0.05)  # another process does it
    return known


def place(shop, order):
    new = {"item": "mug", "email": "ann@customer.example", "phone": PHONE}
    assert shop.put(f"/orders/{order}", json=new).status_code == 201


def test_an_order_is_paid_on_the_vendors_page_and_everybody_is_told(shop, vendors):
    place(shop, "1")
    pages = [shop.post("/orders/1/page").json() for _ in range(2)]
    assert pages[0] == pages[1], "one page, however often they click"
    assert pages[0]["url"].startswith("https://")
    vendors.pay(vendors.billing, pages[0]["page"].partition(":")[2])
    before = vendors.mails()
    told(shop, vendors.billing, "billing")
    order = until(shop, "1", lambda one: one["status"] == "paid" and one["receipt"] and one["told"])
    assert order["paid_times"] == 1
    assert order["payment"].startswith("billing:")
    assert (order["receipt"].startswith("mail:"), order["told"].startswith("ops:")) == (True, True)
    assert vendors.mails() == before + 1
    assert vendors.ops.ledger.count("message") == 1


def test_who_has_a_page_pays_by_no_card(shop):
    place(shop, "2")
    assert shop.post("/orders/2/page").status_code == 200
    assert shop.post("/orders/2/pay", json={"payment_method": "any"}).status_code == 409


def test_a_customer_is_texted_until_they_say_stop(shop, vendors):
    place(shop, "3")
    sent = shop.post("/orders/3/text", json={"body": "on its way"})
    assert (sent.status_code, sent.json()["message"].partition(":")[0]) == (200, "texts")
    vendors.receive(vendors.texts, "STOP", f"{str(shop.base_url).rstrip('/')}/webhooks/texts")
    told(shop, vendors.texts, "texts")
    deadline = time.monotonic() + 30
    while (after := shop.post("/orders/3/text", json={"body": "hello"})).status_code == 200:
        assert time.monotonic() < deadline
    assert (after.status_code, after.json()["detail"]) == (422, "to is not usable")
