"""The blocking facade of `hardpoint.email`; written by scripts/generate_sync."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hardpoint.email.api import _EMPTY
from hardpoint.email.composing import Addressed, Several
from hardpoint.email.invitations import Invitation, Unsubscribe
from hardpoint.email.types import Attachment, Email, EmailEvent, EmailRecipient, ReceivedEmail
from hardpoint.runtime.blocking import run
from typing import Any
import hardpoint.email.api as asynchronous

class EmailSender:
    """Sends email through one connection.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.
        group: the senders that are tried one after another, where this is a group of them.
        suppressions: who gets none; the connection's unless yours are given.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which, such as `to[1]`; without
            `status` nothing was sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: the email may have been sent. If it was, its events carry the error's
            `idempotency_key`. Where it is `repeatable`, send again under that key.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.EmailSender) -> None:
        self.asynchronous = wrapped

    def send(self, *, to: Several, subject: str | None=None, text: str | None=None, html: str | None=None, from_: Addressed | None=None, cc: Several=(), bcc: Several=(), reply_to: Several=(), attachments: Sequence[Attachment]=(), headers: Mapping[str, str]=_EMPTY, metadata: Mapping[str, str]=_EMPTY, template: str | None=None, variables: Mapping[str, Any]=_EMPTY, tags: Sequence[str]=(), send_at: datetime | None=None, unsubscribe: Unsubscribe | None=None, invitation: Invitation | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Email:
        """Hand an email to the provider; that it was accepted does not mean that it arrives.

        No recipient may stand twice, in any of the three groups. No field may hold a control
        character, so that none can add a header.

        Args:
            to: one or several, `ann@shop.example`, `Ann Lee <ann@shop.example>` or an `Address`.
            subject: one line; a template may have its own.
            text: for readers that show no HTML; at least one of text and html.
            html: what most readers show.
            from_: else the connection's own sender.
            cc: shown to all.
            bcc: shown to nobody.
            reply_to: where answers go, if not to the sender.
            attachments: files.
            headers: more of them, printable ASCII; not those that the other arguments set.
            metadata: yours; comes back with events. Nothing private: providers keep it.
            template: the provider's name for texts that it keeps, in place of text and html.
            variables: what the template shows; values that JSON has.
            tags: words of letters, digits, `_`, `.` and `-`.
            send_at: when, with a time zone; else at once.
            unsubscribe: how mailboxes take the recipient off the list (RFC 8058).
            invitation: to a calendar; `to` and `cc` are invited.
            idempotency_key: names this call; the same key sends once, by the provider's word or by
                the connection's journal. In a handler a call without one gets the job's own.
            extra: `{"sendgrid": {...}}`, passed on to that provider only, and not checked.

        Raises:
            SuppressedError: a recipient wants none, or has no mailbox; nothing was sent.
        """
        return run(self.asynchronous.send(to=to, subject=subject, text=text, html=html, from_=from_, cc=cc, bcc=bcc, reply_to=reply_to, attachments=attachments, headers=headers, metadata=metadata, template=template, variables=variables, tags=tags, send_at=send_at, unsubscribe=unsubscribe, invitation=invitation, idempotency_key=idempotency_key, extra=extra))

    def send_batch(self, recipients: Sequence[EmailRecipient], *, subject: str | None=None, text: str | None=None, html: str | None=None, from_: Addressed | None=None, reply_to: Several=(), attachments: Sequence[Attachment]=(), headers: Mapping[str, str]=_EMPTY, metadata: Mapping[str, str]=_EMPTY, template: str | None=None, variables: Mapping[str, Any]=_EMPTY, tags: Sequence[str]=(), send_at: datetime | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Email:
        """Hand over an email for each recipient, in which nobody sees the others.

        Args:
            recipients: each with variables and metadata of its own; none twice.
            subject: see `send`, as for all that follow.
            text: the same for all.
            html: the same for all.
            from_: who it is from.
            reply_to: where answers go.
            attachments: files.
            headers: more of them.
            metadata: of all, where a recipient has none of that name.
            template: in place of text and html.
            variables: of all, where a recipient has none of that name.
            tags: words to sort by.
            send_at: when.
            idempotency_key: one for the whole batch.
            extra: for one provider.

        Returns:
            A receipt with a delivery for each, in the order given: look at each `status`. Where the
            provider gives each email an id of its own, it is the delivery's.
        """
        return run(self.asynchronous.send_batch(recipients, subject=subject, text=text, html=html, from_=from_, reply_to=reply_to, attachments=attachments, headers=headers, metadata=metadata, template=template, variables=variables, tags=tags, send_at=send_at, idempotency_key=idempotency_key, extra=extra))

    def parse_received(self, body: bytes) -> ReceivedEmail:
        """An email that came in, of a verified webhook's body.

        Raises:
            UnsupportedError: the provider takes none in, or not as we read it.
            UnexpectedResponseError: it has an unknown form.
        """
        return self.asynchronous.parse_received(body)

    def parse_event(self, body: bytes, *, event_id: str | None=None) -> EmailEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Args:
            body: as it came.
            event_id: `Event.vendor_id`, for a body that tells of several events.

        Raises:
            InvalidRequestError: the body tells of several, and `event_id` does not say which.
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        return self.asynchronous.parse_event(body, event_id=event_id)

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """All that a verified webhook's body says of emails.

        Raises:
            UnsupportedError: the provider sends no webhooks.
            UnexpectedResponseError: it has an unknown form.
        """
        return self.asynchronous.parse_events(body)

    def heed(self, event: EmailEvent) -> None:
        """Take what an event says into the suppressions; do it in your handler.

        Complaints, unsubscribing from all, and addresses without a mailbox count for this sender,
        and so for every group that it is in; whoever subscribes again is written to again.

        Raises:
            MisuseError: the connection has no `from`, so nobody knows for whom it counts.
        """
        return run(self.asynchronous.heed(event))
