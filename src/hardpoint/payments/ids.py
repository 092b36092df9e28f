"""Ids as users hold them: what a driver gives, with the connection's name before its ids."""

import msgspec

from hardpoint.calls.connection import Connection
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, expect
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.payments.driver import PaymentDriver
from hardpoint.payments.types import (
    Checkout,
    Payment,
    PaymentEvent,
    Refund,
    Refunded,
    RefundFailed,
)


def ours(connection: Connection, payment: Payment) -> Payment:
    """A payment."""
    return msgspec.structs.replace(payment, id=connection.qualified(payment.id))


def our_refund(connection: Connection, refund: Refund) -> Refund:
    """A refund."""
    qualified = connection.qualified
    return msgspec.structs.replace(
        refund, id=qualified(refund.id), payment_id=qualified(refund.payment_id)
    )


def our_checkout(connection: Connection, checkout: Checkout) -> Checkout:
    """A hosted page."""
    qualified, payment_id = connection.qualified, checkout.payment_id
    return msgspec.structs.replace(
        checkout,
        id=qualified(checkout.id),
        payment_id=None if payment_id is None else qualified(payment_id),
    )


def told(driver: PaymentDriver, connection: Connection, body: bytes) -> PaymentEvent | None:
    """What an event says, if it is about payments.

    Raises:
        UnexpectedResponseError: it is, but in no shape we know.
    """
    expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
    try:
        event = driver.parse_event(body)
    except (*UNREADABLE, InvalidRequestError) as error:
        raise UnexpectedResponseError(
            "the event has an unknown form", provider=driver.provider
        ) from error
    if event is None:
        return None
    if isinstance(event, RefundFailed | Refunded) and event.refund_id is not None:
        refund_id = connection.qualified(event.refund_id)
        event = msgspec.structs.replace(event, refund_id=refund_id)
    return msgspec.structs.replace(event, payment_id=connection.qualified(event.payment_id))
