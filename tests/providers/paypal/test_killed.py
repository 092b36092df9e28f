"""A process that is killed between approval and the capture's answer: the money is taken once."""

import subprocess
import sys
import threading

import pytest

from hardpoint.core.money import Money
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.payments import CheckoutItem, NewCheckout
from hardpoint.providers.paypal.fake import CLIENT_ID, CLIENT_SECRET, FakePayPal
from hardpoint.runtime.blocking import run
from hardpoint.testing.conformance.served import driver_of

TEN = Money("10", "EUR")
CONFIRM = """
import sys
from hardpoint.calls.connection import Connection
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.payments import PaymentGateway
from hardpoint.providers.paypal import PayPal
from hardpoint.providers.paypal.payments import PayPalPayments
from hardpoint.runtime.blocking import BlockingRuntime, run

url, client, secret, order = sys.argv[1:]
settings = PayPal(client_id=client, client_secret=Secret.value(secret), base_url=url)
driver = PayPalPayments(BlockingTransport(), settings)
gateway = PaymentGateway(driver, Connection("shop", BlockingRuntime()))
paid = run(gateway.confirm_payment(f"shop:order-{order}", idempotency_key=f"order:{order}"))
print(paid.id, paid.status)
"""


class Held:
    """The fake, which does not answer a capture before it is let: as if the network were slow."""

    name = "paypal"

    def __init__(self, vendor, *, acted):
        self.vendor, self.ledger, self.acted = vendor, vendor.ledger, acted
        self.reached, self.go = threading.Event(), threading.Event()

    def answer(self, request):
        held = request.path.endswith("/capture") and not self.go.is_set()
        reply = self.vendor.answer(request) if self.acted or not held else None
        if held:
            self.reached.set()
            self.go.wait(30)
        return reply or self.vendor.answer(request)


@pytest.mark.parametrize("acted", [False, True], ids=["before it acts", "after it has acted"])
def test_who_is_killed_while_it_captures_has_taken_it_once(acted):
    vendor = FakePayPal()
    held = Held(vendor, acted=acted)
    with FakeServer(held) as server:
        item = CheckoutItem(name="A", amount=TEN)
        new = NewCheckout(items=(item,), amount=TEN, success_url="https://shop.example/back")
        transport = BlockingTransport()
        driver = driver_of(vendor, transport, server.url)
        page = run(driver.create_checkout(new, idempotency_key="page"))
        transport.close()
        vendor.account.approve(page.id)
        command = [sys.executable, "-c", CONFIRM, server.url, CLIENT_ID, CLIENT_SECRET, page.id]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert held.reached.wait(60)
        first.kill()
        assert first.wait() == -9
        assert vendor.ledger.count("charge") == int(acted)
        held.go.set()
        second = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert second.stdout.split()[1] == "succeeded"
    assert vendor.ledger.count("charge") == 1
    vendor.emitter.close()
