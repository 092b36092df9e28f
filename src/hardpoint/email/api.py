"""The email port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast, final, get_args

import msgspec

from hardpoint.calls.call import CallKey, Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.failover import Failover
from hardpoint.calls.journalled import CallSpec
from hardpoint.calls.suppressions import MemorySuppressions, Suppressions
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, expect, extras_of
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, MisuseError, UnexpectedResponseError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.email.composing import (
    Addressed,
    Several,
    addresses,
    batch_of,
    check,
    check_metadata,
    listed,
    moment,
    paired,
    sender,
    subject_of,
    with_unsubscribe,
)
from hardpoint.email.consent import check_consent, heeded
from hardpoint.email.driver import BatchDriver, EmailCapability, EmailDriver, ReceivingDriver
from hardpoint.email.invitations import Invitation, Unsubscribe
from hardpoint.email.types import (
    Attachment,
    Email,
    EmailEvent,
    EmailRecipient,
    NewEmail,
    ReceivedEmail,
)

_SEND = Operation("send", Repeat.NEEDS_KEY)
_SEND_BATCH = Operation("send_batch", Repeat.NEEDS_KEY)
_Read = TypeVar("_Read")
Draft = Callable[[EmailDriver], NewEmail]
"""What is asked for, as one provider is asked: each has a sender and extras of its own."""
_EMPTY: Mapping[str, Any] = {}


class _Shared(msgspec.Struct, frozen=True):
    """What a group compares of a repeat, whichever accounts it has by then.

    Attributes:
        own_sender: whether each account's own is meant.
        extra: those for all providers.
    """

    own_sender: bool
    extra: Mapping[str, Mapping[str, object]]

    def of(self, new: NewEmail) -> NewEmail:
        """What is asked for, without what is an account's."""
        from_: Any = None if self.own_sender else new.from_
        return msgspec.structs.replace(new, from_=from_, extra=self.extra)


@final
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

    def __init__(
        self,
        driver: EmailDriver,
        connection: Connection,
        group: Sequence["EmailSender"] = (),
        *,
        suppressions: Suppressions | None = None,
    ) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port. Of a group, that of the first."""
        self.connection = connection
        self.suppressions: Suppressions = (
            suppressions or connection.suppressions or MemorySuppressions()
        )
        self.failover = Failover(connection, group) if group else None
        """The accounts behind a group."""
        self._calls = Calls(connection, driver)

    async def send(
        self,
        *,
        to: Several,
        subject: str | None = None,
        text: str | None = None,
        html: str | None = None,
        from_: Addressed | None = None,
        cc: Several = (),
        bcc: Several = (),
        reply_to: Several = (),
        attachments: Sequence[Attachment] = (),
        headers: Mapping[str, str] = _EMPTY,
        metadata: Mapping[str, str] = _EMPTY,
        template: str | None = None,
        variables: Mapping[str, Any] = _EMPTY,
        tags: Sequence[str] = (),
        send_at: datetime | None = None,
        unsubscribe: Unsubscribe | None = None,
        invitation: Invitation | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Email:
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
        return await self._send(
            _SEND,
            lambda driver: NewEmail(
                key="",
                from_=sender(driver, from_),
                to=addresses(to, field="to"),
                subject=subject_of(subject, template),
                text=text,
                html=html,
                cc=addresses(cc, field="cc"),
                bcc=addresses(bcc, field="bcc"),
                reply_to=addresses(reply_to, field="reply_to"),
                attachments=listed(attachments, "attachments", "a list of Attachment"),
                headers=with_unsubscribe(headers, unsubscribe),
                metadata=paired(metadata, "metadata"),
                template=template,
                variables=paired(variables, "variables"),
                tags=listed(tags, "tags", "a list of words"),
                send_at=moment(send_at, self.connection.clock.now(), driver),
                invitation=invitation,
                extra=extras_of(extra, driver.provider),
            ),
            idempotency_key,
            _Shared(from_ is None, extra),
        )

    async def send_batch(
        self,
        recipients: Sequence[EmailRecipient],
        *,
        subject: str | None = None,
        text: str | None = None,
        html: str | None = None,
        from_: Addressed | None = None,
        reply_to: Several = (),
        attachments: Sequence[Attachment] = (),
        headers: Mapping[str, str] = _EMPTY,
        metadata: Mapping[str, str] = _EMPTY,
        template: str | None = None,
        variables: Mapping[str, Any] = _EMPTY,
        tags: Sequence[str] = (),
        send_at: datetime | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Email:
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
        if not recipients:
            raise InvalidRequestError("is empty", field="recipients")
        return await self._send(
            _SEND_BATCH,
            lambda driver: NewEmail(
                key="",
                from_=sender(driver, from_),
                to=(),
                batch=batch_of(recipients),
                subject=subject_of(subject, template),
                text=text,
                html=html,
                reply_to=addresses(reply_to, field="reply_to"),
                attachments=listed(attachments, "attachments", "a list of Attachment"),
                headers=with_unsubscribe(headers, None),
                metadata=paired(metadata, "metadata"),
                template=template,
                variables=paired(variables, "variables"),
                tags=listed(tags, "tags", "a list of words"),
                send_at=moment(send_at, self.connection.clock.now(), driver),
                extra=extras_of(extra, driver.provider),
            ),
            idempotency_key,
            _Shared(from_ is None, extra),
        )

    def parse_received(self, body: bytes) -> ReceivedEmail:
        """An email that came in, of a verified webhook's body.

        Raises:
            UnsupportedError: the provider takes none in, or not as we read it.
            UnexpectedResponseError: it has an unknown form.
        """
        expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
        self.driver.capabilities.require(EmailCapability.INBOUND, self.driver.provider)
        driver = cast("ReceivingDriver", self.driver)
        return self._read(lambda: driver.parse_received(body))

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
        events = self._read(lambda: self.driver.parse_events(body))
        return tuple(
            msgspec.structs.replace(one, email_id=self._ours(one.email_id)) for one in events
        )

    async def heed(self, event: EmailEvent) -> None:
        """Take what an event says into the suppressions; do it in your handler.

        Complaints, unsubscribing from all, and addresses without a mailbox count for this sender,
        and so for every group that it is in; whoever subscribes again is written to again.

        Raises:
            MisuseError: the connection has no `from`, so nobody knows for whom it counts.
        """
        expect(event, get_args(EmailEvent), "event", "what parse_event has given")
        if self.driver.sender is None:
            raise MisuseError(
                f"heed needs to know the sender: set `from` in the connection "
                f"{self.connection.name}"
            )
        await heeded(self.suppressions, self.driver.sender.email.casefold(), event)

    async def _send(
        self,
        operation: Operation,
        draft: Draft,
        key: str | CallKey | None,
        shared: "_Shared",
        senders: frozenset[str] = frozenset(),
    ) -> Email:
        if self.failover is None:
            return await self._send_by_this(operation, draft(self.driver), key, senders)
        members = self.failover.members
        # What one of them cannot send is refused, before any of them is asked.
        asked = [draft(one.driver) for one in members]
        for one, new in zip(members, asked, strict=True):
            check(new, one.driver)
        said = shared.of(asked[0])
        called = self._calls.key(operation, key, said) if not isinstance(key, CallKey) else key
        return await self.failover.run(
            operation,
            called,
            CallSpec(arguments=said, returns=Email),
            lambda one, same: one._send(operation, draft, same, shared, _senders(members)),
        )

    async def _send_by_this(
        self,
        operation: Operation,
        asked: NewEmail,
        key: str | CallKey | None,
        senders: frozenset[str],
    ) -> Email:
        check(asked, self.driver)
        senders = senders | _senders([self]) | {asked.from_.email.casefold()}
        called = key if isinstance(key, CallKey) else self._calls.key(operation, key, asked)
        new = msgspec.structs.replace(asked, key=called.text)
        check_metadata(new, self.driver)
        if operation is _SEND:
            send = self.driver.send
        else:
            send = cast("BatchDriver", self.driver).send_batch

        async def attempt(derived: str) -> Email:
            # Not before the journal: what was sent before is given again, whoever left since.
            await check_consent(self.suppressions, senders, new)
            return await send(new, idempotency_key=derived)

        email = await self._calls.run_keyed(
            operation,
            attempt,
            called,
            CallSpec(arguments=asked, returns=Email),
        )
        return msgspec.structs.replace(
            email,
            id=self._ours(email.id),
            deliveries=tuple(
                msgspec.structs.replace(one, id=self._ours(one.id)) for one in email.deliveries
            ),
        )

    def _read(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                "the event has an unknown form", provider=self.driver.provider
            ) from error

    def _ours(self, email_id: str | None) -> str | None:
        return None if email_id is None else self.connection.qualified(email_id)


def _senders(accounts: Sequence[EmailSender]) -> frozenset[str]:
    """Whom the suppressions of these accounts are tied to."""
    own = (one.driver.sender for one in accounts)
    return frozenset(one.email.casefold() for one in own if one is not None)
