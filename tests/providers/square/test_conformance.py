"""Square's payments, held to what every driver must do, in both modes, and through every fault."""

from functools import partial
from typing import ClassVar

import pytest

from hardpoint.core.errors import DeclinedError
from hardpoint.core.money import Money
from hardpoint.fakes.messages import Received
from hardpoint.payments import DeclineReason, DisputeStatus, PaymentGateway
from hardpoint.providers.square import API_VERSION
from hardpoint.providers.square.fake import ACCESS_TOKEN, FakeSquare
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject
from hardpoint.testing.conformance.served import port_on

TEN = Money("10", "EUR")
GOOD = "cnon:card-nonce-ok"
DISPUTES = {
    DisputeStatus.NEEDS_RESPONSE: "EVIDENCE_REQUIRED",
    DisputeStatus.WON: "WON",
    DisputeStatus.LOST: "LOST",
}


class TestSquare(PaymentConformance):
    declined: ClassVar = {
        "cnon:card-nonce-declined": (DeclineReason.DECLINED, False),
        "cnon:card-nonce-rejected-cvv": (DeclineReason.WRONG_DETAILS, True),
        "cnon:card-nonce-rejected-postalcode": (DeclineReason.WRONG_DETAILS, True),
        "cnon:card-nonce-rejected-expiration": (DeclineReason.WRONG_DETAILS, True),
        "cnon:card-nonce-already-used": (DeclineReason.WRONG_DETAILS, True),
        "cnon:gift-card-nonce-insufficient-funds": (DeclineReason.INSUFFICIENT_FUNDS, True),
        "cnon:gift-card-nonce-insufficient-permission": (DeclineReason.NOT_SUPPORTED, False),
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
            challenged="cnon:card-nonce-requires-verification",
            fail_refund=account.fail_refund,
            dispute=lambda one, status: account.dispute(one, DISPUTES[status]),
            events=imitated.events,
            pay_on_page=account.pay_on_page,
            expire_page=account.cancel_page,
        )


def with_a_payment():
    vendor = FakeSquare()
    body = (
        b'{"source_id":"cnon:card-nonce-ok","idempotency_key":"first",'
        b'"amount_money":{"amount":1000,"currency":"EUR"}}'
    )
    request = Received(
        method="POST",
        target="/v2/payments",
        headers={
            "authorization": f"Bearer {ACCESS_TOKEN}",
            "content-type": "application/json",
            "square-version": API_VERSION,
        },
        body=body,
    )
    assert vendor.answer(request).status == 200
    return vendor


def pay(method, port):
    return port.create_payment(TEN, payment_method=method)


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=with_a_payment,
        port=port_on(FakeSquare, PaymentGateway),
        facade=BlockingGateway,
        calls={
            "read": lambda port: port.get_payment("shop:paymentFAKE000002"),
            "keyed": partial(pay, GOOD),
        },
        effects="charge",
        refused=(partial(pay, "cnon:card-nonce-declined"), DeclinedError),
    )
