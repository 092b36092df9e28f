"""The blocking facade of `hardpoint.sms`; written by scripts/generate_sync."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hardpoint.runtime.blocking import run
from hardpoint.sms.api import _EMPTY
from hardpoint.sms.types import Message, MessageReceived, MessageTemplate, SmsEvent
import hardpoint.sms.api as asynchronous

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

    def __init__(self, wrapped: asynchronous.SmsSender) -> None:
        self.asynchronous = wrapped

    def send(self, *, to: str, body: str='', from_: str | None=None, media: Sequence[str]=(), template: MessageTemplate | None=None, service: str | None=None, send_at: datetime | None=None, validity: float | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Message:
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
        return run(self.asynchronous.send(to=to, body=body, from_=from_, media=media, template=template, service=service, send_at=send_at, validity=validity, idempotency_key=idempotency_key, extra=extra))

    def get_message(self, message_id: str) -> Message:
        """Read a message.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.get_message(message_id))

    def cancel(self, message_id: str) -> Message:
        """Call off a message that is kept for later (`send_at`); once more does nothing.

        Raises:
            NotFoundError: the provider knows none of that id.
            ConflictError: it is on its way already, or was never kept for later.
        """
        return run(self.asynchronous.cancel(message_id))

    def find(self, *, to: str, body: str, since: float) -> tuple[Message, ...]:
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
        return run(self.asynchronous.find(to=to, body=body, since=since))

    def parse_event(self, body: bytes) -> SmsEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        return self.asynchronous.parse_event(body)

    def parse_inbound(self, body: bytes) -> MessageReceived | None:
        """What somebody has texted you, of a verified webhook's body; None when it is not that.

        `consent` says whether it is a word such as STOP: by the provider's own word for it, else by
        the words that the provider acts on unless it is told otherwise. Give it to `heed`.

        Raises:
            UnexpectedResponseError: see `parse_event`.
        """
        return self.asynchronous.parse_inbound(body)

    def heed(self, event: SmsEvent) -> None:
        """Take what an event says about consent into the suppressions; do it in your handler."""
        return run(self.asynchronous.heed(event))
