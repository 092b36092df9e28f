"""The happy path on somebody else's imitation of Stripe, as a user of the port.

localstripe knows the objects and their states. It ignores idempotency keys, declines when a card is
attached instead of when it is charged, and has heard neither of `automatic_payment_methods` nor of
lists since a time: all that is tested on our own fake and against the official SDK.
"""

import subprocess
import sys
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
import stripe

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import NotFoundError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.payments import Capture, PaymentGateway
from hardpoint.payments.types import PaymentStatus, RefundStatus
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

TEN = Money("10", "EUR")
UNKNOWN = ("automatic_payment_methods", "description")
SERVE = """
import socket
from aiohttp import web
from localstripe import resources, server

resources.Store.dump_to_disk = lambda self: None  # it would be one file for the whole machine
listening = socket.create_server(("127.0.0.1", 0))  # its own command listens to everybody
print(listening.getsockname()[1], flush=True)
web.run_app(server.app, sock=listening, print=None)
"""


class Leaving:
    """A transport that leaves out what localstripe has not heard of."""

    def __init__(self):
        self.inner = BlockingTransport()

    async def send(self, request):
        form = parse_qsl(request.body.decode())
        kept = [(name, value) for name, value in form if not name.startswith(UNKNOWN)]
        return await self.inner.send(
            msgspec.structs.replace(request, body=urlencode(kept).encode())
        )


@pytest.fixture(scope="module")
def url():
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE) as process:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


@pytest.fixture
def port(url):
    transport = Leaving()
    settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=url)
    driver = StripePayments(transport, settings)
    yield BlockingGateway(PaymentGateway(driver, Connection("shop", BlockingRuntime())))
    transport.inner.close()


@pytest.fixture
def card(url):
    sdk = stripe.StripeClient(SECRET_KEY, base_addresses={"api": url}).v1
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    return sdk.payment_methods.create({"type": "card", "card": card}).id


def test_a_payment_is_taken_and_given_back_in_parts(port, card):
    payment = port.create_payment(
        TEN, payment_method=card, reference="order-1", metadata={"plan": "yearly"}
    )
    assert (payment.status, payment.amount) == (PaymentStatus.SUCCEEDED, TEN)
    assert (payment.reference, payment.metadata) == ("order-1", {"plan": "yearly"})
    refund = port.refund(payment.id, Money("4", "EUR"))
    assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, Money("4", "EUR"))
    assert refund.payment_id == payment.id
    assert port.get_payment(payment.id).refunded == Money("4", "EUR")


def test_a_reserved_payment_is_captured(port, card):
    payment = port.create_payment(TEN, payment_method=card, capture=Capture.MANUAL)
    assert payment.status is PaymentStatus.AUTHORIZED
    assert port.capture(payment.id).status is PaymentStatus.SUCCEEDED


def test_a_reserved_payment_is_let_go(port, card):
    payment = port.create_payment(TEN, payment_method=card, capture=Capture.MANUAL)
    assert port.void(payment.id).status is PaymentStatus.VOIDED
    assert port.get_payment(payment.id).status is PaymentStatus.VOIDED


def test_an_open_payment_waits_for_means_and_has_a_secret_for_the_browser(port):
    payment = port.create_payment(TEN)
    assert payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
    assert payment.client_secret is not None


def test_the_customer_is_asked_when_the_card_wants_it(port, url):
    sdk = stripe.StripeClient(SECRET_KEY, base_addresses={"api": url}).v1
    card = {"number": "4000002500003155", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    method = sdk.payment_methods.create({"type": "card", "card": card}).id
    payment = port.create_payment(TEN, payment_method=method)
    assert payment.status is PaymentStatus.REQUIRES_ACTION
    assert payment.next_action.kind == "use_stripe_sdk"


def test_a_payment_that_is_not_there_is_not_found(port):
    with pytest.raises(NotFoundError):
        port.get_payment("shop:pi_nothing")
