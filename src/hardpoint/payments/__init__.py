"""Payments: one way to take, capture, void, refund and look up a payment, whoever takes it."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.payments.api import PaymentGateway as PaymentGateway
    from hardpoint.payments.driver import PaymentCapability as PaymentCapability
    from hardpoint.payments.driver import PaymentDriver as PaymentDriver
    from hardpoint.payments.memory import MemoryPayments as MemoryPayments
    from hardpoint.payments.types import Capture as Capture
    from hardpoint.payments.types import Checkout as Checkout
    from hardpoint.payments.types import CheckoutItem as CheckoutItem
    from hardpoint.payments.types import CheckoutStatus as CheckoutStatus
    from hardpoint.payments.types import DeclineReason as DeclineReason
    from hardpoint.payments.types import DisputeChanged as DisputeChanged
    from hardpoint.payments.types import DisputeStatus as DisputeStatus
    from hardpoint.payments.types import NewCheckout as NewCheckout
    from hardpoint.payments.types import NewCustomer as NewCustomer
    from hardpoint.payments.types import NewPayment as NewPayment
    from hardpoint.payments.types import NextAction as NextAction
    from hardpoint.payments.types import Payment as Payment
    from hardpoint.payments.types import PaymentActionRequired as PaymentActionRequired
    from hardpoint.payments.types import PaymentApproved as PaymentApproved
    from hardpoint.payments.types import PaymentCustomer as PaymentCustomer
    from hardpoint.payments.types import PaymentEvent as PaymentEvent
    from hardpoint.payments.types import PaymentFailed as PaymentFailed
    from hardpoint.payments.types import PaymentPage as PaymentPage
    from hardpoint.payments.types import PaymentStatus as PaymentStatus
    from hardpoint.payments.types import PaymentSucceeded as PaymentSucceeded
    from hardpoint.payments.types import Refund as Refund
    from hardpoint.payments.types import Refunded as Refunded
    from hardpoint.payments.types import RefundFailed as RefundFailed
    from hardpoint.payments.types import RefundReason as RefundReason
    from hardpoint.payments.types import RefundStatus as RefundStatus
    from hardpoint.payments.types import SavedMethod as SavedMethod
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.payments.api": ("PaymentGateway",),
            "hardpoint.payments.driver": ("PaymentCapability", "PaymentDriver"),
            "hardpoint.payments.memory": ("MemoryPayments",),
            "hardpoint.payments.types": (
                "Capture",
                "Checkout",
                "CheckoutItem",
                "CheckoutStatus",
                "DeclineReason",
                "DisputeChanged",
                "DisputeStatus",
                "NewCheckout",
                "NewCustomer",
                "NewPayment",
                "NextAction",
                "Payment",
                "PaymentActionRequired",
                "PaymentApproved",
                "PaymentCustomer",
                "PaymentEvent",
                "PaymentFailed",
                "PaymentPage",
                "PaymentStatus",
                "PaymentSucceeded",
                "Refund",
                "RefundFailed",
                "RefundReason",
                "RefundStatus",
                "Refunded",
                "SavedMethod",
            ),
        },
    )
