"""Stripe in the fault matrix: its keys are honoured, so every call may be repeated."""

from hardpoint.core.errors import DeclinedError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import Received
from hardpoint.payments import PaymentGateway
from hardpoint.providers.stripe import API_VERSION, Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.faults import Adapter, FaultConformance

TEN = Money("10", "EUR")


def with_a_payment():
    vendor = FakeStripe()
    request = Received(
        method="POST",
        target="/v1/payment_intents",
        headers={
            "authorization": f"Bearer {SECRET_KEY}",
            "stripe-version": API_VERSION,
            "idempotency-key": "first",
        },
        body=b"amount=1000&currency=eur&payment_method=pm_card_visa",
    )
    assert vendor.answer(request).status == 200
    return vendor


def port(transport, url, connection):
    settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=url)
    return PaymentGateway(StripePayments(transport, settings), connection)


class TestStripe(FaultConformance):
    adapter = Adapter(
        vendor=with_a_payment,
        port=port,
        facade=BlockingGateway,
        calls={
            "read": lambda port: port.get_payment("shop:pi_fake000001"),
            "keyed": lambda port: port.create_payment(TEN, payment_method="pm_card_visa"),
        },
        effects="charge",
        refused=(
            lambda port: port.create_payment(TEN, payment_method="pm_card_visa_chargeDeclined"),
            DeclinedError,
        ),
    )
