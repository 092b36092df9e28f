"""PayPal's objects as they stand on the wire: what we read of them, and nothing else."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response


class Amount(msgspec.Struct):
    """An amount, in decimals."""

    value: str
    currency_code: str


class Link(msgspec.Struct):
    """Where another thing is."""

    rel: str
    href: str


class RelatedIds(msgspec.Struct):
    """What else a thing belongs to."""

    order_id: str | None = None
    authorization_id: str | None = None
    capture_id: str | None = None


class Supplementary(msgspec.Struct):
    """What stands around them."""

    related_ids: RelatedIds = msgspec.field(default_factory=RelatedIds)


class Processor(msgspec.Struct):
    """What the bank says of a card."""

    response_code: str = ""


class StatusDetails(msgspec.Struct):
    """Why a thing is as it is."""

    reason: str | None = None


class Part(msgspec.Struct):
    """An authorization, a capture or a refund: an amount on its way."""

    id: str
    status: str
    amount: Amount
    create_time: datetime
    custom_id: str | None = None
    status_details: StatusDetails | None = None
    processor_response: Processor | None = None
    supplementary_data: Supplementary | None = None
    seller_payable_breakdown: "Payable | None" = None
    links: Sequence[Link] = ()


class Payable(msgspec.Struct):
    """What a refund comes to."""

    total_refunded_amount: Amount | None = None


class UnitPayments(msgspec.Struct):
    """What became of a purchase unit."""

    authorizations: Sequence[Part] = ()
    captures: Sequence[Part] = ()
    refunds: Sequence[Part] = ()


class Unit(msgspec.Struct):
    """What is bought, all of it: we make orders of one."""

    amount: Amount
    custom_id: str | None = None
    payments: UnitPayments | None = None


class Order(msgspec.Struct):
    """An order, which a customer approves."""

    id: str
    status: str
    purchase_units: Sequence[Unit]
    create_time: datetime | None = None
    links: Sequence[Link] = ()


class Disputed(msgspec.Struct):
    """A payment that is questioned."""

    seller_transaction_id: str | None = None


class Outcome(msgspec.Struct):
    """How a dispute ended."""

    outcome_code: str = ""


class Dispute(msgspec.Struct):
    """A customer or a bank questions a payment."""

    dispute_id: str
    status: str
    dispute_amount: Amount
    disputed_transactions: Sequence[Disputed] = ()
    reason: str | None = None
    dispute_life_cycle_stage: str = ""
    dispute_outcome: Outcome | None = None
    seller_response_due_date: datetime | None = None


class Verification(msgspec.Struct):
    """What PayPal says of a webhook that it may have sent."""

    verification_status: str


class Event(msgspec.Struct):
    """The envelope of an event."""

    event_type: str
    resource: msgspec.Raw


class Issue(msgspec.Struct):
    """One of the reasons of a refusal."""

    issue: str = ""
    field: str | None = None
    description: str = ""


class Refusal(msgspec.Struct):
    """Why PayPal refuses; its first issue says more than its name."""

    name: str | None = None
    message: str = ""
    details: Sequence[Issue] = ()
    error: str | None = None
    error_description: str = ""

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        first = self.details[0] if self.details else Issue()
        return Problem(
            status=reply.status,
            code=first.issue or self.name or self.error,
            message=first.description or self.message or self.error_description,
            field=first.field,
        )
