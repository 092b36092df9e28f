"""PayPal's payments, held to what every driver must do, in both modes, and through every fault."""

from functools import partial
from typing import ClassVar

import pytest

from hardpoint.core.errors import DeclinedError
from hardpoint.core.money import Money
from hardpoint.fakes.fields import JsonFields
from hardpoint.payments import DeclineReason, DisputeStatus, PaymentGateway
from hardpoint.providers.paypal.fake import FakePayPal
from hardpoint.providers.paypal.fake_objects import refuse
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject
from hardpoint.testing.conformance.served import port_on

TEN = Money("10", "EUR")
GOOD = "card:vault-good"
DISPUTES = {
    DisputeStatus.NEEDS_RESPONSE: ("WAITING_FOR_SELLER_RESPONSE", None),
    DisputeStatus.WON: ("RESOLVED", "RESOLVED_SELLER_FAVOUR"),
    DisputeStatus.LOST: ("RESOLVED", "RESOLVED_BUYER_FAVOUR"),
}


class TestPayPal(PaymentConformance):
    declined: ClassVar = {
        "card:CCREJECT-REFUSED": (DeclineReason.DECLINED, False),
        "card:CCREJECT-IF": (DeclineReason.INSUFFICIENT_FUNDS, True),
        "card:CCREJECT-EC": (DeclineReason.EXPIRED, False),
        "card:CCREJECT-CVV_F": (DeclineReason.WRONG_DETAILS, True),
        "card:CCREJECT-SF": (DeclineReason.SUSPECTED_FRAUD, False),
        "paypal:vault-refused": (DeclineReason.DECLINED, True),
    }

    @pytest.fixture
    def subject(self, mode, imitated):
        account = imitated.vendor.account
        return PaymentSubject(
            mode,
            imitated.driver(),
            requests=imitated.requests,
            good=GOOD,
            declined=self.declined,
            challenged="card:vault-3ds",
            fail_refund=account.fail_refund,
            dispute=lambda one, status: account.dispute(one, *DISPUTES[status]),
            events=imitated.events,
            pay_on_page=account.approve,
            expire_page=account.end_order,
        )


def pay(method, port):
    return port.create_payment(TEN, payment_method=method)


def with_a_payment():
    vendor = FakePayPal()
    asked = {
        "intent": "CAPTURE",
        "purchase_units": [{"amount": {"currency_code": "EUR", "value": "10.00"}}],
        "payment_source": {"card": {"vault_id": "vault-good"}},
    }
    vendor.account.create_order(JsonFields(asked, refuse))
    return vendor


def read(port):
    return port.get_payment("shop:00000002FAKECAP")


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=with_a_payment,
        port=port_on(FakePayPal, PaymentGateway),
        facade=BlockingGateway,
        calls={"read": read, "keyed": partial(pay, GOOD)},
        effects="charge",
        refused=(partial(pay, "card:vault-refused"), DeclinedError),
        warm=read,
    )
