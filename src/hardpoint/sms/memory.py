"""SMS in memory: the reference that says what every driver has to mean.

It keeps what it sent, honours idempotency keys unless told otherwise, and is told by the number of
the recipient how a call ends.
"""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import final

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.segmentation import segments
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import (
    Message,
    MessageChanged,
    MessagePage,
    MessageStatus,
    NewMessage,
    SmsEvent,
    SmsFailure,
)

SENDER = "+15005550006"
INVALID = "+15005550001"
"""The recipient that no message can go to."""
OPTED_OUT = "+15005550004"
"""The recipient that has opted out."""

_PAGE = 50
_LIMITS = {
    "text_characters": 1600,
    "media_items": 10,
    "schedule_seconds_min": 60,
    "schedule_seconds_max": 30 * 24 * 3600,
    "validity_seconds_min": 1,
    "validity_seconds_max": 24 * 3600,
}
TEMPLATE = "greeting"
"""The template that there is: `Hello {1}`."""


@final
class MemorySms(MemoryAccount[SmsEvent]):
    """An account that lives as long as this object.

    Args:
        sender: who sends where a call does not say.
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        idempotency: whether it honours keys.
    """

    def __init__(
        self,
        sender: str | None = SENDER,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[SmsCapability] = frozenset(SmsCapability),
        idempotency: Idempotency = Idempotency.NATIVE,
    ) -> None:
        self.sender = sender
        super().__init__(capabilities, idempotency, _LIMITS, now)
        self._messages: dict[str, Message] = {}
        self._answers = Answers[Message]()

    @property
    def messages(self) -> Mapping[str, Message]:
        """What was sent, by its id, oldest first."""
        return self._messages

    async def send(self, new: NewMessage, *, idempotency_key: str) -> Message:
        """Hand it over to be sent."""
        self.requests += 1
        if self.capabilities.idempotency is Idempotency.NONE:
            return self._sent(new)
        return self._answers.under(idempotency_key, new, lambda: self._sent(new))

    async def get_message(self, message_id: str) -> Message:
        """Read it."""
        self.requests += 1
        message = self._messages.get(message_id)
        if message is None:
            raise NotFoundError(status=404)
        return message

    async def list_messages(self, *, to: str, since: float, cursor: str | None) -> MessagePage:
        """A page, newest first."""
        self.requests += 1
        start = int(cursor or 0)
        found = [
            one
            for one in reversed(self._messages.values())
            if one.to == to and one.created >= since
        ]
        page = found[start : start + _PAGE]
        more = len(found) > start + _PAGE
        return MessagePage(messages=tuple(page), cursor=str(start + _PAGE) if more else None)

    async def cancel(self, message_id: str) -> Message:
        """Call off what is kept for later."""
        message = await self.get_message(message_id)
        if message.status not in {MessageStatus.SCHEDULED, MessageStatus.CANCELED}:
            raise ConflictError("it is on its way", status=409)
        called_off = msgspec.structs.replace(
            message, status=MessageStatus.CANCELED, vendor_status="canceled"
        )
        self._messages[message_id] = called_off
        return called_off

    def carry(
        self, identifier: str, status: MessageStatus, failure: SmsFailure | None = None
    ) -> None:
        """The carrier reports how far it is."""
        changed = msgspec.structs.replace(
            self._messages[identifier], status=status, vendor_status=status.value, failure=failure
        )
        self._messages[identifier] = changed
        self.events.append(
            MessageChanged(
                message_id=identifier,
                status=status,
                vendor_status=status.value,
                to=changed.to,
                from_=changed.from_,
                failure=failure,
            )
        )

    def _sent(self, new: NewMessage) -> Message:
        if new.to == INVALID:
            raise InvalidRequestError("is not a number", field="to", status=400)
        if new.to == OPTED_OUT:
            raise OptedOutError("has opted out", field="to", status=400)
        body = new.body
        if new.template is not None:
            if new.template.id != TEMPLATE:
                raise InvalidRequestError("is unknown", field="template", status=400)
            body = f"Hello {new.template.variables.get('1', '')}"
        scheduled = new.send_at is not None
        identifier = f"msg_{len(self._messages) + 1:06d}"
        message = Message(
            id=identifier,
            status=MessageStatus.SCHEDULED if scheduled else MessageStatus.QUEUED,
            vendor_status="scheduled" if scheduled else "queued",
            to=new.to,
            body=body,
            created=self._now(),
            from_=new.from_ or self.sender,
            segments=segments(body).count,
        )
        self._messages[identifier] = message
        return message
