"""The values of the payments port; a provider's words are translated into these and no others."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret


class Capture(StrEnum):
    """When the money moves."""

    AUTOMATIC = "automatic"
    """As soon as the payment is confirmed."""
    MANUAL = "manual"
    """It is only reserved; `capture` takes it, `void` lets go of it."""


class PaymentStatus(StrEnum):
    """How far a payment is. Only `SUCCEEDED` means that money was taken."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    """It waits for means of payment: the first ones, or others after a decline."""
    REQUIRES_CONFIRMATION = "requires_confirmation"
    """The customer has agreed; `confirm_payment` takes it."""
    REQUIRES_ACTION = "requires_action"
    """The customer has to do something, see `next_action`."""
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    """The money is reserved and waits to be captured."""
    SUCCEEDED = "succeeded"
    VOIDED = "voided"
    FAILED = "failed"
    """It was declined and takes no other means: make another payment."""
    UNKNOWN = "unknown"
    """A status we do not know; never taken for a success. See `vendor_status`."""


class RefundStatus(StrEnum):
    """How far a refund is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


class RefundReason(StrEnum):
    """Why money goes back."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"


class DeclineReason(StrEnum):
    """Why a payment was declined."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED = "expired"
    WRONG_DETAILS = "wrong_details"
    AUTHENTICATION_REQUIRED = "authentication_required"
    LIMIT_EXCEEDED = "limit_exceeded"
    NOT_SUPPORTED = "not_supported"
    SUSPECTED_FRAUD = "suspected_fraud"
    TEMPORARY = "temporary"
    DECLINED = "declined"
    """The issuer gave no reason."""

    @property
    def advice(self) -> str:
        """What may be told the customer; it never says that someone suspects fraud."""
        return _ADVICE.get(self, _GENERIC_ADVICE)


_GENERIC_ADVICE = "The payment was declined. Use other means, or ask your bank."
_ADVICE: dict[DeclineReason, str] = {
    DeclineReason.INSUFFICIENT_FUNDS: "There is not enough money on the account. Use other means.",
    DeclineReason.EXPIRED: "The card has expired. Use another one.",
    DeclineReason.WRONG_DETAILS: "A detail of the card is wrong. Check it and try again.",
    DeclineReason.AUTHENTICATION_REQUIRED: "Your bank wants you to confirm this payment.",
    DeclineReason.LIMIT_EXCEEDED: "The card's limit is reached. Use other means.",
    DeclineReason.NOT_SUPPORTED: "This card cannot be used here. Use other means.",
    DeclineReason.TEMPORARY: "Your bank could not answer. Try again in a moment.",
}


class NextAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer has to do: visit `url`, or what `kind` says in the provider's words."""

    kind: str
    url: str | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as its provider sees it.

    Attributes:
        id: with its connection, `billing:pi_3N...`.
        status: in our words; `vendor_status` in the provider's.
        amount: what was asked for.
        captured: what was taken.
        refunded: what went back of it.
        created: Unix seconds.
        reference: yours, as given to `create_payment`.
        metadata: yours.
        customer: the provider's id of the customer.
        client_secret: lets the customer's browser finish the payment; give it to nobody else.
        next_action: what the customer has to do, where `status` says so.
        decline: why the last try was declined.
    """

    id: str
    status: PaymentStatus
    vendor_status: str
    amount: Money
    captured: Money
    refunded: Money
    created: float
    reference: str | None = None
    metadata: Mapping[str, str] = {}
    customer: str | None = None
    client_secret: Secret | None = None
    next_action: NextAction | None = None
    decline: DeclineReason | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back, wholly or in part; both ids with their connection."""

    id: str
    payment_id: str
    status: RefundStatus
    vendor_status: str
    amount: Money


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some payments, and where the next ones start; None when there are no more."""

    payments: tuple[Payment, ...]
    cursor: str | None = None


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is asked to create; checked by the port. Without a method it stays open."""

    amount: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: str | None = None
    customer: str | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = {}
    return_url: str | None = None
    off_session: bool = False
    extra: Mapping[str, object] = {}


class CheckoutItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a hosted page: what it is, and what one of it costs."""

    name: str
    amount: Money
    quantity: int = 1


class NewCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is asked to make a page of; checked by the port, with one item at least."""

    items: tuple[CheckoutItem, ...]
    amount: Money
    success_url: str
    cancel_url: str | None = None
    customer: str | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = {}
    extra: Mapping[str, object] = {}


class CheckoutStatus(StrEnum):
    """How far a hosted page is. Whether money was taken, only its payment says."""

    OPEN = "open"
    APPROVED = "approved"
    """The customer has agreed, and nothing is taken before `confirm_payment(payment_id)`."""
    COMPLETED = "completed"
    """The customer went through with it; `payment_id` names the payment."""
    EXPIRED = "expired"
    """Nobody can pay on it any more."""
    UNKNOWN = "unknown"


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the provider's, where a customer pays.

    Attributes:
        id: with its connection.
        status: in our words; `vendor_status` in the provider's.
        amount: what is asked for.
        url: where to send the customer; None where the provider no longer shows it.
        payment_id: what the customer paid by, with its connection, for `get_payment`; None before.
        expires: Unix seconds until which it can be paid on, where the provider says so.
    """

    id: str
    status: CheckoutStatus
    vendor_status: str
    amount: Money
    url: str | None = None
    payment_id: str | None = None
    expires: float | None = None


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is asked to make a customer of; checked by the port."""

    email: str | None = None
    name: str | None = None
    reference: str | None = None
    extra: Mapping[str, object] = {}


class PaymentCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose means may be kept; `id` is the provider's own, for `customer=`."""

    id: str
    email: str | None = None
    name: str | None = None
    reference: str | None = None


class SavedMethod(msgspec.Struct, frozen=True, kw_only=True):
    """Means that are kept with a customer.

    Attributes:
        id: the provider's own token, for `payment_method=`; it can be charged again and again.
        customer: the provider's id of whose they are; every charge names it.
        kind: in the provider's words, `card`.
        hint: what the customer knows them by, `visa 4242`, where the provider says it.
    """

    id: str
    customer: str
    kind: str
    hint: str | None = None


class PaymentSucceeded(msgspec.Struct, frozen=True, kw_only=True):
    """Money was taken. Some providers say it more than once: go by `payment_id`."""

    payment_id: str
    amount: Money
    reference: str | None
    metadata: Mapping[str, str]


class PaymentApproved(msgspec.Struct, frozen=True, kw_only=True):
    """The customer has agreed on the provider's page; `confirm_payment(payment_id)` takes it."""

    payment_id: str
    amount: Money
    reference: str | None
    metadata: Mapping[str, str]


class PaymentFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A try to pay was declined; the payment itself may still succeed with other means.

    `advice` is fit for the customer's eyes, `reason` is not always.
    """

    payment_id: str
    amount: Money
    reason: DeclineReason
    soft: bool
    advice: str
    reference: str | None
    metadata: Mapping[str, str]


class PaymentActionRequired(msgspec.Struct, frozen=True, kw_only=True):
    """The customer has to do something before the payment goes on, see `action`."""

    payment_id: str
    amount: Money
    action: NextAction
    reference: str | None
    metadata: Mapping[str, str]


class Refunded(msgspec.Struct, frozen=True, kw_only=True):
    """Money went back.

    Attributes:
        payment_id: with its connection.
        amount: what went back now.
        refunded: what went back in all; None where the event does not say: read the payment.
        whole: whether that is all of it; None likewise.
        refund_id: with its connection, where the event says it.
        reference: yours, where the event says it.
        metadata: yours, where the event says it.
    """

    payment_id: str
    amount: Money
    refunded: Money | None
    whole: bool | None
    refund_id: str | None = None
    reference: str | None = None
    metadata: Mapping[str, str] = {}


class RefundFailed(msgspec.Struct, frozen=True, kw_only=True):
    """Money that was to go back did not: it is yours again, and the customer's by other means.

    Both ids with their connection; `reason` is the provider's word.
    """

    payment_id: str
    refund_id: str
    amount: Money
    reason: str | None


class DisputeStatus(StrEnum):
    """How far a dispute is."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    """It ended without a verdict."""
    UNKNOWN = "unknown"


class DisputeChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A customer had the bank question a payment, or such a question is further than before.

    Events come in any order, so act on the dispute's own state.

    Attributes:
        payment_id: with its connection.
        dispute_id: the provider's own, for its console.
        amount: what is in question.
        status: in our words; `vendor_status` in the provider's.
        inquiry: the bank only asks so far; no money was taken back.
        withdrawn: what just happened is that the money was taken (True) or came back (False).
        reason: the provider's word for the customer's.
        respond_by: Unix seconds until which evidence is taken.
    """

    payment_id: str
    dispute_id: str
    amount: Money
    status: DisputeStatus
    vendor_status: str
    inquiry: bool = False
    withdrawn: bool | None = None
    reason: str | None = None
    respond_by: float | None = None


PaymentEvent = (
    PaymentSucceeded
    | PaymentApproved
    | PaymentFailed
    | PaymentActionRequired
    | Refunded
    | RefundFailed
    | DisputeChanged
)
