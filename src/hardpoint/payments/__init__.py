"""Payments: one way to take, capture, void, refund and look up a payment, whoever takes it."""

from hardpoint.payments.api import PaymentGateway
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.types import (
    Capture,
    DeclineReason,
    DisputeChanged,
    DisputeStatus,
    NewPayment,
    NextAction,
    Payment,
    PaymentEvent,
    PaymentFailed,
    PaymentPage,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundFailed,
    RefundReason,
    RefundStatus,
)

__all__ = [
    "Capture",
    "DeclineReason",
    "DisputeChanged",
    "DisputeStatus",
    "MemoryPayments",
    "NewPayment",
    "NextAction",
    "Payment",
    "PaymentCapability",
    "PaymentDriver",
    "PaymentEvent",
    "PaymentFailed",
    "PaymentGateway",
    "PaymentPage",
    "PaymentStatus",
    "PaymentSucceeded",
    "Refund",
    "RefundFailed",
    "RefundReason",
    "RefundStatus",
    "Refunded",
]
