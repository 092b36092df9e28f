"""Payments: one way to take, capture, void, refund and look up a payment, whoever takes it."""

from hardpoint.payments.api import PaymentGateway
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import (
    Capture,
    DeclineReason,
    NextAction,
    Payment,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundReason,
    RefundStatus,
)

__all__ = [
    "Capture",
    "DeclineReason",
    "NextAction",
    "Payment",
    "PaymentCapability",
    "PaymentDriver",
    "PaymentEvent",
    "PaymentFailed",
    "PaymentGateway",
    "PaymentStatus",
    "PaymentSucceeded",
    "Refund",
    "RefundReason",
    "RefundStatus",
    "Refunded",
]
