"""The SMS port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast, final

import msgspec

from hardpoint.calls.call import CallKey, Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.failover import Failover
from hardpoint.calls.journalled import CallSpec, Search
from hardpoint.calls.suppressions import MemorySuppressions, Suppressions
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, NUMBER, expect, extras_of
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.sms.addresses import (
    MessageChannel,
    checked_recipient,
    checked_sender,
    parted,
)
from hardpoint.sms.checks import (
    check_body,
    check_media,
    checked_moment,
    checked_service,
    checked_template,
    checked_validity,
)
from hardpoint.sms.driver import SmsCapability, SmsDriver, SmsLookupDriver
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import (
    Message,
    MessageChanged,
    MessagePage,
    MessageReceived,
    MessageTemplate,
    NewMessage,
    SmsConsent,
    SmsEvent,
    SmsFailure,
)

PAGES_MAX = 100
"""How many pages `find` reads before it gives up."""

_SEND = Operation("send", Repeat.NEEDS_KEY)
_GET = Operation("get_message", Repeat.SAFE)
_CANCEL = Operation("cancel", Repeat.IDEMPOTENT)
_LIST = Operation("find", Repeat.SAFE)

_EMPTY: Mapping[str, Any] = {}


class _Asked(msgspec.Struct, frozen=True):
    """What one provider is asked for, and whom an opt-out is tied to there."""

    new: NewMessage
    sender: str


_Draft = Callable[[SmsDriver], _Asked]


@final
class SmsSender:
    """Sends text messages through one connection.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.
        group: the senders that are tried one after another, where this is a group of them.
        suppressions: who opted out; the connection's unless yours are given.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: the message may have been sent. Where it is `repeatable`, send again
            under its key; else look with `find` first.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(
        self,
        driver: SmsDriver,
        connection: Connection,
        group: Sequence["SmsSender"] = (),
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
        to: str,
        body: str = "",
        from_: str | None = None,
        media: Sequence[str] = (),
        template: MessageTemplate | None = None,
        service: str | None = None,
        send_at: datetime | None = None,
        validity: float | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Message:
        """Hand a message to the provider; that it was accepted does not mean that it arrives.

        Args:
            to: with its country, `+14155550100`; or `whatsapp:+14155550100`, `rcs:+14155550100`.
            body: the text; `segments` counts what it costs. Empty only beside media or a template.
            from_: a number, a short code, or a name of up to 11 characters with a letter in it, on
                the channel of `to`; else the connection's own sender.
            media: https URLs that the provider fetches.
            template: a text that the provider keeps, with its variables.
            service: a messaging service of the provider's, which chooses a sender.
            send_at: when it is to be sent, with its time zone; else at once.
            validity: seconds after which it is dropped if it has not gone out.
            idempotency_key: names this call; the same key sends once, by the provider's word or by
                the connection's journal. In a handler a call without one gets the job's own.
            extra: `{"twilio": {...}}`, passed on to that provider only.

        Raises:
            OptedOutError: the recipient does not want it; without `status` nothing was sent.
        """

        def draft(driver: SmsDriver) -> _Asked:
            number, sender, chosen = _addressed(driver, to, from_, service)
            expect(media, Sequence, "media", "a list of URLs")
            check_body(driver, body, alone=not media and template is None)
            check_media(driver, media)
            new = NewMessage(
                to=number,
                body=body,
                from_=sender,
                media=tuple(media),
                extra=extras_of(extra, driver.provider),
                template=checked_template(driver, template, body),
                service=service,
                send_at=checked_moment(driver, send_at, self.connection.clock.now()),
                validity=checked_validity(driver, validity),
            )
            return _Asked(new, chosen)

        return await self._send(draft, idempotency_key, extra)

    async def get_message(self, message_id: str) -> Message:
        """Read a message.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(message_id, field="message_id")
        self.driver.capabilities.require(SmsCapability.READ, self.driver.provider)
        driver = cast("SmsLookupDriver", self.driver)
        message = await self._calls.run(_GET, lambda: driver.get_message(local))
        return self._ours(message)

    async def cancel(self, message_id: str) -> Message:
        """Call off a message that is kept for later (`send_at`); once more does nothing.

        Raises:
            NotFoundError: the provider knows none of that id.
            ConflictError: it is on its way already, or was never kept for later.
        """
        local = self.connection.local(message_id, field="message_id")
        self.driver.capabilities.require(SmsCapability.CANCEL, self.driver.provider)
        driver = cast("SmsLookupDriver", self.driver)
        return self._ours(await self._calls.run(_CANCEL, lambda: driver.cancel(local)))

    async def find(self, *, to: str, body: str, since: float) -> tuple[Message, ...]:
        """The messages to a number with this text that were created since a time, newest first.

        One found settles a call whose outcome is unknown: it was sent. None found does not mean
        that nothing was sent: the provider may list it a minute later, its clock may differ, and
        it may have changed the text (shortened a link, trimmed a blank).

        Args:
            to: with its country, and its channel if that is not SMS.
            body: the whole text.
            since: Unix seconds.

        Raises:
            InvalidRequestError: more pages than `PAGES_MAX`.
        """
        self.driver.capabilities.require(SmsCapability.FIND, self.driver.provider)
        expect(since, (int, float), "since", NUMBER)
        number = checked_recipient(to, field="to")
        _require(self.driver, parted(number)[0])
        listed = await self._listed(number, since)
        return tuple([self._ours(one) for one in listed if one.body == body])

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
        try:
            event = self.driver.parse_event(body)
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                "the event has an unknown form", provider=self.driver.provider
            ) from error
        if event is None:
            return None
        return msgspec.structs.replace(
            event, message_id=self.connection.qualified(event.message_id)
        )

    def parse_inbound(self, body: bytes) -> MessageReceived | None:
        """What somebody has texted you, of a verified webhook's body; None when it is not that.

        `consent` says whether it is a word such as STOP: by the provider's own word for it, else by
        the words that the provider acts on unless it is told otherwise. Give it to `heed`.

        Raises:
            UnexpectedResponseError: see `parse_event`.
        """
        event = self.parse_event(body)
        return event if isinstance(event, MessageReceived) else None

    async def heed(self, event: SmsEvent) -> None:
        """Take what an event says about consent into the suppressions; do it in your handler."""
        expect(event, (MessageChanged, MessageReceived), "event", "what parse_event has given")
        if isinstance(event, MessageChanged):
            if event.failure is SmsFailure.OPTED_OUT:
                await self._suppress(self._senders(event.from_, event.service), event.to)
        elif event.consent is SmsConsent.STOP:
            await self._suppress(self._senders(event.to, event.service), event.from_)
        elif event.consent is SmsConsent.START:
            for sender in self._senders(event.to, event.service):
                await self.suppressions.remove(sender, event.from_)

    async def _send(
        self, draft: _Draft, key: str | None, extra: Mapping[str, Mapping[str, object]]
    ) -> Message:
        if self.failover is None:
            return await self._send_by_this(draft(self.driver), key)
        members = self.failover.members
        # What one of them cannot send is refused, before any of them is asked.
        asked = [draft(one.driver) for one in members]
        for one in asked:
            await self._check_consent(one)
        # A repeat is the same, whichever accounts the group has by then.
        said = msgspec.structs.replace(asked[0].new, extra=extra)
        called = self._calls.key(_SEND, key, said)
        return await self.failover.run(
            _SEND,
            called,
            CallSpec(arguments=said, returns=Message),
            lambda one, same: one._send_by_this(draft(one.driver), same),
        )

    async def _send_by_this(self, asked: _Asked, key: str | CallKey | None) -> Message:
        await self._check_consent(asked)
        called = key if isinstance(key, CallKey) else self._calls.key(_SEND, key, asked.new)
        new = msgspec.structs.replace(asked.new, key=called.text)
        try:
            message = await self._calls.run_keyed(
                _SEND,
                lambda derived: self._sent(new, derived),
                called,
                CallSpec(arguments=asked.new, returns=Message, search=self._search(new)),
            )
        except OptedOutError:
            await self.suppressions.add(asked.sender, new.to)
            raise
        return self._ours(message)

    async def _sent(self, new: NewMessage, derived: str) -> Message:
        """One attempt; its time is ours where the provider does not say."""
        message = await self.driver.send(new, idempotency_key=derived)
        if message.created:
            return message
        return msgspec.structs.replace(message, created=self.connection.clock.now())

    async def _check_consent(self, asked: _Asked) -> None:
        if await self.suppressions.holds(asked.sender, asked.new.to):
            raise OptedOutError("has opted out of this sender", field="to")

    def _search(self, new: NewMessage) -> Search[Message] | None:
        """How to look for a message that may have been sent.

        A listing shows neither media nor which template was used. A provider may change the text
        (shorten its links, trim it), and choose who sends it; to whom it goes stays.
        """
        if SmsCapability.FIND not in self.driver.capabilities.flags:
            return None
        if new.media or new.template is not None:
            return None

        async def find(since: float) -> list[Message]:
            return (await self._listed(new.to, since))[::-1]

        return Search(like=(new.to, new.body), find=find, likes=lambda one: (one.to, one.body))

    async def _listed(self, to: str, since: float) -> list[Message]:
        """The messages to a number, newest first, with the provider's own ids."""
        found: list[Message] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._page(to, since, cursor)
            found += [one for one in page.messages if one.created >= since]
            cursor = page.cursor
            if cursor is None:
                return found
        raise InvalidRequestError(
            f"covers more than {PAGES_MAX} pages of messages; name a later time", field="since"
        )

    async def _page(self, to: str, since: float, cursor: str | None) -> MessagePage:
        driver = cast("SmsLookupDriver", self.driver)
        return await self._calls.run(
            _LIST, lambda: driver.list_messages(to=to, since=since, cursor=cursor)
        )

    async def _suppress(self, senders: set[str], to: str) -> None:
        for sender in senders:
            await self.suppressions.add(sender, to)

    def _senders(self, own: str | None, service: str | None) -> set[str]:
        """Whom a word to one of our numbers concerns: it, and the services that stand for it."""
        return {one for one in (own, service, self.driver.sender) if one is not None}

    def _ours(self, message: Message) -> Message:
        return msgspec.structs.replace(message, id=self.connection.qualified(message.id))


# Checks, all before any I/O


def _addressed(
    driver: SmsDriver, to: str, from_: str | None, service: str | None
) -> tuple[str, str | None, str]:
    """The recipient, the sender if the call says one, and whom an opt-out is tied to."""
    recipient = checked_recipient(to, field="to")
    channel, _ = parted(recipient)
    _require(driver, channel)
    sender = None
    if from_ is not None:
        sender, is_name = checked_sender(from_, field="from_")
        if is_name:
            driver.capabilities.require(SmsCapability.SENDER_NAME, driver.provider)
        if parted(sender)[0] is not channel:
            raise InvalidRequestError(f"is no sender on {channel}, as `to` is", field="from_")
    chosen = checked_service(driver, service) or sender or driver.sender
    if chosen is None:
        raise InvalidRequestError("is missing, and the connection has no sender", field="from_")
    return recipient, sender, chosen


def _require(driver: SmsDriver, channel: MessageChannel) -> None:
    if channel is not MessageChannel.SMS:
        driver.capabilities.require(SmsCapability(channel), driver.provider)
