"""The email port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, PAIRS, expect, extras_of
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.email.composing import (
    Addressed,
    Several,
    addresses,
    check,
    check_metadata,
    sender,
)
from hardpoint.email.driver import EmailCapability, EmailDriver
from hardpoint.email.types import Attachment, Email, EmailEvent, NewEmail

_SEND = Operation("send", Repeat.NEEDS_KEY)
_EMPTY: Mapping[str, Any] = {}


@final
class EmailSender:
    """Sends email through one connection.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which, such as `to[1]`; without
            `status` nothing was sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: the email may have been sent. If it was, its events carry the error's
            `idempotency_key`. Where it is `repeatable`, send again under that key.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, driver: EmailDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)

    async def send(
        self,
        *,
        to: Several,
        subject: str,
        text: str | None = None,
        html: str | None = None,
        from_: Addressed | None = None,
        cc: Several = (),
        bcc: Several = (),
        reply_to: Several = (),
        attachments: Sequence[Attachment] = (),
        headers: Mapping[str, str] = _EMPTY,
        metadata: Mapping[str, str] = _EMPTY,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Email:
        """Hand an email to the provider; that it was accepted does not mean that it arrives.

        No recipient may stand twice, in any of the three groups. No field may hold a control
        character, so that none can add a header.

        Args:
            to: one or several, `ann@shop.example`, `Ann Lee <ann@shop.example>` or an `Address`.
            subject: one line.
            text: for readers that show no HTML; at least one of text and html.
            html: what most readers show.
            from_: else the connection's own sender.
            cc: shown to all.
            bcc: shown to nobody.
            reply_to: where answers go, if not to the sender.
            attachments: files.
            headers: more of them, printable ASCII; not those that the other arguments set.
            metadata: yours; comes back with events. Nothing private: providers keep it.
            idempotency_key: names this call; the same key sends once, by the provider's word or by
                the connection's journal. In a handler a call without one gets the job's own.
            extra: `{"sendgrid": {...}}`, passed on to that provider only, and not checked.
        """
        for field, pairs in {"headers": headers, "metadata": metadata}.items():
            expect(pairs, Mapping, field, PAIRS)
        expect(attachments, Iterable, "attachments", "a list of Attachment")
        asked = NewEmail(
            key="",
            from_=sender(self.driver, from_),
            to=addresses(to, field="to"),
            subject=subject,
            text=text,
            html=html,
            cc=addresses(cc, field="cc"),
            bcc=addresses(bcc, field="bcc"),
            reply_to=addresses(reply_to, field="reply_to"),
            attachments=tuple(attachments),
            headers=dict(headers),
            metadata=dict(metadata),
            extra=extras_of(extra, self.driver.provider),
        )
        check(asked, self.driver)
        key = self._calls.key(_SEND, idempotency_key, asked)
        new = msgspec.structs.replace(asked, key=key.text)
        check_metadata(new, self.driver)
        email = await self._calls.run_keyed(
            _SEND,
            lambda derived: self.driver.send(new, idempotency_key=derived),
            key,
            CallSpec(arguments=asked, returns=Email),
        )
        return msgspec.structs.replace(email, id=self._ours(email.id))

    def parse_event(self, body: bytes, *, event_id: str | None = None) -> EmailEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Args:
            body: as it came.
            event_id: `Event.vendor_id`, for a body that tells of several events.

        Raises:
            InvalidRequestError: the body tells of several, and `event_id` does not say which.
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        events = self.parse_events(body)
        if event_id is not None:
            return next((one for one in events if one.event_id == event_id), None)
        if len(events) > 1:
            raise InvalidRequestError(
                f"is missing, and the body holds {len(events)} events", field="event_id"
            )
        return events[0] if events else None

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """All that a verified webhook's body says of emails.

        Raises:
            UnsupportedError: the provider sends no webhooks.
            UnexpectedResponseError: it has an unknown form.
        """
        expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
        self.driver.capabilities.require(EmailCapability.EVENTS, self.driver.provider)
        try:
            events = self.driver.parse_events(body)
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                "the event has an unknown form", provider=self.driver.provider
            ) from error
        return tuple(
            msgspec.structs.replace(one, email_id=self._ours(one.email_id)) for one in events
        )

    def _ours(self, email_id: str | None) -> str | None:
        return None if email_id is None else self.connection.qualified(email_id)
