"""Email in memory: the reference that says what every driver has to mean.

It keeps what it sent, honours idempotency keys unless told otherwise, and is told by the address of
a recipient how a call ends.
"""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import final

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    InvalidRequestError,
)
from hardpoint.email.addresses import Address
from hardpoint.email.driver import EmailCapability
from hardpoint.email.types import (
    Delivery,
    DeliveryStatus,
    Email,
    EmailChanged,
    EmailEvent,
    EmailFailure,
    NewEmail,
    ReceivedEmail,
)
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount

SENDER = Address(email="orders@shop.example", name="Shop")
INVALID = "invalid@fake.example"
"""The recipient that the whole call fails for."""
TEMPLATE = "receipt"
"""The only template there is."""
SUPPRESSED = "suppressed@fake.example"
"""The recipient that nothing is sent to."""

_LIMITS = {
    "recipients": 1000,
    "message_bytes": 1_000_000,
    "attachments": 10,
    "metadata_bytes": 10_000,
    "batch_recipients": 1000,
    "tags": 10,
    "schedule_seconds": 86_400,
}


@final
class MemoryEmail(MemoryAccount[EmailEvent]):
    """An account that lives as long as this object.

    Args:
        sender: who sends where a call does not say.
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        idempotency: whether it honours keys.
    """

    def __init__(
        self,
        sender: Address | None = SENDER,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[EmailCapability] = frozenset(EmailCapability),
        idempotency: Idempotency = Idempotency.NATIVE,
    ) -> None:
        self.sender = sender
        super().__init__(capabilities, idempotency, _LIMITS, now)
        self._emails: dict[str, NewEmail] = {}
        self._answers = Answers[Email]()

    @property
    def emails(self) -> Mapping[str, NewEmail]:
        """What was sent, by its id, oldest first."""
        return self._emails

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand it over to be sent."""
        self.requests += 1
        if self.capabilities.idempotency is Idempotency.NONE:
            return self._sent(new)
        return self._answers.under(idempotency_key, new, lambda: self._sent(new))

    async def send_batch(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand over one for each."""
        return await self.send(new, idempotency_key=idempotency_key)

    def parse_received(self, body: bytes) -> ReceivedEmail:
        """What `receive` made of an email."""
        return msgspec.json.decode(body, type=ReceivedEmail)

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """What the events of these numbers in `events` say."""
        numbers = msgspec.json.decode(body, type=list[int])
        return tuple(self.events[number] for number in numbers)

    def carry(
        self,
        identifier: str,
        to: str,
        status: DeliveryStatus,
        failure: EmailFailure | None = None,
    ) -> None:
        """The recipient's server reports how far it is."""
        new = self._emails[identifier]
        self.events.append(
            EmailChanged(
                event_id=f"event_{len(self.events) + 1:06d}",
                email_id=identifier,
                idempotency_key=new.key,
                to=to,
                at=self._now(),
                metadata=new.metadata,
                status=status,
                vendor_status=status.value,
                failure=failure,
            )
        )

    def _sent(self, new: NewEmail) -> Email:
        if new.template is not None and new.template != TEMPLATE:
            raise InvalidRequestError("is not known", field="template", status=400)
        for index, one in enumerate(new.to):
            if one.email == INVALID:
                raise InvalidRequestError("is no address", field=f"to[{index}]", status=400)
        identifier = f"email_{len(self._emails) + 1:06d}"
        self._emails[identifier] = new
        return Email(
            id=identifier,
            idempotency_key=new.key,
            deliveries=tuple(
                _delivery(one.email, f"{identifier}.{index}" if new.batch else None)
                for index, one in enumerate(new.recipients)
            ),
        )


def _delivery(to: str, identifier: str | None) -> Delivery:
    suppressed = to == SUPPRESSED
    if to == INVALID:
        status = DeliveryStatus.INVALID
        failure = EmailFailure.INVALID_ADDRESS
        return Delivery(to=to, status=status, vendor_status=status.value, failure=failure)
    status = DeliveryStatus.REJECTED if suppressed else DeliveryStatus.QUEUED
    return Delivery(
        to=to,
        status=status,
        vendor_status=status.value,
        failure=EmailFailure.UNSUBSCRIBED if suppressed else None,
        id=identifier,
    )
