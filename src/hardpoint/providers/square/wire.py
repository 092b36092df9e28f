"""Square's objects as they stand on the wire: what we read of them, and nothing else."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response
from hardpoint.providers.square.errors import code_of


class Amount(msgspec.Struct):
    """A number of minor units."""

    amount: int
    currency: str


class Failure(msgspec.Struct):
    """One of the reasons of a refusal, or of a payment that failed."""

    code: str = ""
    category: str = ""
    detail: str = ""
    field: str | None = None


class CardDetails(msgspec.Struct):
    """Why the card was declined, if it was."""

    errors: Sequence[Failure] | None = None


class Payment(msgspec.Struct):
    """A payment."""

    id: str
    status: str
    created_at: datetime
    amount_money: Amount
    total_money: Amount | None = None
    refunded_money: Amount | None = None
    refund_ids: Sequence[str] | None = None
    reference_id: str | None = None
    note: str | None = None
    customer_id: str | None = None
    card_details: CardDetails | None = None

    @property
    def whole(self) -> Amount:
        """With the tip, where there is one."""
        return self.total_money or self.amount_money


class OnePayment(msgspec.Struct):
    """An answer about one."""

    payment: Payment


class Payments(msgspec.Struct):
    """A page; the last one has no cursor."""

    payments: Sequence[Payment] = ()
    cursor: str | None = None


class Refund(msgspec.Struct):
    """Money that goes back."""

    id: str
    amount_money: Amount
    status: str | None = None
    payment_id: str | None = None
    created_at: str | None = None


class OneRefund(msgspec.Struct):
    """An answer about one."""

    refund: Refund


class Tender(msgspec.Struct):
    """What an order was paid by: the id is the payment's where no other is given."""

    id: str
    payment_id: str | None = None


class Order(msgspec.Struct):
    """What a payment link sells."""

    id: str
    total_money: Amount
    state: str = ""
    tenders: Sequence[Tender] | None = None


class OneOrder(msgspec.Struct):
    """An answer about one."""

    order: Order


class PaymentLink(msgspec.Struct):
    """A hosted page."""

    id: str
    order_id: str
    url: str | None = None


class OneLink(msgspec.Struct):
    """An answer about one."""

    payment_link: PaymentLink


class Customer(msgspec.Struct):
    """Somebody whose cards may be kept."""

    id: str
    email_address: str | None = None
    given_name: str | None = None
    reference_id: str | None = None


class OneCustomer(msgspec.Struct):
    """An answer about one."""

    customer: Customer


class Card(msgspec.Struct):
    """A card that is kept."""

    id: str
    customer_id: str
    card_brand: str = ""
    last_4: str = ""


class OneCard(msgspec.Struct):
    """An answer about one."""

    card: Card


class DisputedPayment(msgspec.Struct):
    """What is questioned."""

    payment_id: str | None = None


class Dispute(msgspec.Struct):
    """A customer's bank questions a payment."""

    amount_money: Amount
    state: str
    id: str | None = None
    dispute_id: str | None = None
    reason: str | None = None
    due_at: datetime | None = None
    disputed_payment: DisputedPayment | None = None


class Told(msgspec.Struct):
    """What an event is about: one of these, by its type."""

    payment: Payment | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None


class EventData(msgspec.Struct):
    """What stands around it."""

    object: msgspec.Raw = msgspec.Raw()


class Event(msgspec.Struct):
    """The envelope of an event."""

    type: str
    data: EventData = msgspec.field(default_factory=EventData)


class Refusal(msgspec.Struct):
    """Why Square refuses; the first reason counts."""

    errors: Sequence[Failure] = ()

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        first = self.errors[0] if self.errors else Failure()
        return Problem(
            status=reply.status,
            code=code_of(first.category, first.code),
            message=first.detail,
            field=first.field,
            details={"code": first.code},
        )
