"""SendGrid Mail Send over REST.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send, read 2026-11-28.

There are no idempotency keys: what may have been sent is never sent again. The key goes along as a
custom argument, so that the events of an email say which call sent it.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any, final

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.email.addresses import Address, checked_address, quoted
from hardpoint.email.driver import EmailCapability
from hardpoint.email.types import (
    Attachment,
    Delivery,
    DeliveryStatus,
    Email,
    EmailEvent,
    NewEmail,
)
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Response, Transport
from hardpoint.providers.sendgrid import HOSTS, SendGrid, reading
from hardpoint.providers.sendgrid.errors import ERRORS
from hardpoint.providers.sendgrid.wire import EVENT_FIELDS, Refusal

_ID = re.compile(r"[A-Za-z0-9._~-]{1,255}", re.ASCII)
_OWN_HEADERS = frozenset({"x-sg-eid", "x-sg-id"})
_OWN_ARGUMENTS = EVENT_FIELDS | {reading.KEY}
_SEPARATORS = frozenset(",;")


@final
class SendGridEmail:
    """SendGrid's Mail Send."""

    provider = "sendgrid"
    capabilities = Capabilities(
        frozenset(EmailCapability) - {EmailCapability.INVITATIONS, EmailCapability.INBOUND},
        idempotency=Idempotency.NONE,
        limits={
            "recipients": 1000,
            "message_bytes": 30_000_000,
            "attachments": 100,  # ours; SendGrid names none
            "metadata_bytes": 10_000,
            "batch_recipients": 1000,
            "tags": 10,
            "schedule_seconds": 72 * 3600,
        },
    )

    def __init__(self, transport: Transport, settings: SendGrid) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=bearer(settings.api_key),
        )
        self._api = JsonApi(client, ERRORS, refusal=Refusal, success={200, 202})
        self._sandbox = settings.sandbox
        self._sender = (
            checked_address(settings.from_, field="from_") if settings.from_ is not None else None
        )

    @property
    def sender(self) -> Address | None:
        """The settings' own."""
        return self._sender

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand it over to be sent. SendGrid has no use for a key; `new.key` goes along."""
        _check_names("headers", new.headers, _OWN_HEADERS)
        _check_names("metadata", new.metadata, _OWN_ARGUMENTS)
        if "custom_args" in new.extra:
            raise InvalidRequestError("are metadata", field="extra.sendgrid.custom_args")
        document = merged(self._document(new), new.extra, self.provider)
        reply = await self._api.send("POST", "/v3/mail/send", document=document)
        return Email(
            id=_id(reply),
            idempotency_key=new.key,
            deliveries=tuple(_delivery(one, document, reply) for one in new.recipients),
        )

    async def send_batch(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand over one for each: a personalization of its own, all under one id."""
        for index, one in enumerate(new.batch):
            _check_names(f"recipients[{index}].metadata", one.metadata, _OWN_ARGUMENTS)
        return await self.send(new, idempotency_key=idempotency_key)

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """What a verified webhook's body says of emails."""
        return reading.events(body)

    def _document(self, new: NewEmail) -> dict[str, Any]:
        """The request's body; what is empty is left out."""
        fields: dict[str, Any] = {
            "personalizations": _personalizations(new),
            "from": _shown(new.from_),
            "subject": new.subject,
            # SendGrid wants the plainest first (RFC 1341, 7.2.3).
            "content": [
                {"type": kind, "value": value}
                for kind, value in (("text/plain", new.text), ("text/html", new.html))
                if value is not None
            ],
            "attachments": [_attached(one) for one in new.attachments],
            "headers": new.headers,
            "template_id": new.template,
            "categories": list(new.tags),
            "send_at": new.send_at,
        }
        if len(new.reply_to) > 1:
            fields["reply_to_list"] = [_shown(one) for one in new.reply_to]
        elif new.reply_to:
            fields["reply_to"] = _shown(new.reply_to[0])
        if self._sandbox:
            fields["mail_settings"] = {"sandbox_mode": {"enable": True}}
        return {name: value for name, value in fields.items() if value}


def _personalizations(new: NewEmail) -> list[dict[str, Any]]:
    """One for all, or one for each of a batch.

    The specification has `custom_args` as an object here, and as text for the whole.
    """
    if not new.batch:
        return [_envelope(new) | _own(new, new.metadata, new.variables)]
    return [
        {"to": [_recipient(one.address)]}
        | _own(new, {**new.metadata, **one.metadata}, {**new.variables, **one.variables})
        for one in new.batch
    ]


def _own(
    new: NewEmail, metadata: Mapping[str, str], variables: Mapping[str, Any]
) -> dict[str, Any]:
    own: dict[str, Any] = {"custom_args": {**metadata, reading.KEY: new.key}}
    if variables:
        own["dynamic_template_data"] = dict(variables)
    return own


def _envelope(new: NewEmail) -> dict[str, Any]:
    groups = {"to": new.to, "cc": new.cc, "bcc": new.bcc}
    return {name: [_recipient(one) for one in group] for name, group in groups.items() if group}


def _shown(one: Address) -> dict[str, str]:
    return {"email": one.email} if one.name is None else {"email": one.email, "name": one.name}


def _recipient(one: Address) -> dict[str, str]:
    """As `_shown`, but SendGrid takes a name apart at `,` and `;` unless it is quoted.

    https://github.com/sendgrid/sendgrid-python/issues/291
    """
    shown = _shown(one)
    if one.name is not None:
        shown["name"] = quoted(one.name, _SEPARATORS)
    return shown


def _attached(one: Attachment) -> dict[str, str]:
    shown = {
        "content": base64.b64encode(one.content).decode("ascii"),
        "type": one.content_type,
        "filename": one.name,
        "disposition": "attachment",
    }
    if one.content_id is not None:
        shown |= {"disposition": "inline", "content_id": one.content_id}
    return shown


def _check_names(field: str, given: Mapping[str, str], own: Iterable[str]) -> None:
    for name in given:
        if name.lower() in own:
            raise InvalidRequestError("is SendGrid's own", field=f"{field}[{name!r}]")


def _delivery(one: Address, document: Mapping[str, Any], reply: Response) -> Delivery:
    """What became of one recipient: queued, or in a sandbox no more than checked.

    Raises:
        UnexpectedResponseError: a 200 where no sandbox was asked for.
    """
    if reply.status == 202:
        return Delivery(to=one.email, status=DeliveryStatus.QUEUED, vendor_status="accepted")
    if not _sandboxed(document):
        raise UnexpectedResponseError(
            "the answer is not the one to an email", status=reply.status, outcome_known=False
        )
    return Delivery(to=one.email, status=DeliveryStatus.UNKNOWN, vendor_status="sandbox")


def _sandboxed(document: Mapping[str, Any]) -> bool:
    """By the settings or by an extra."""
    try:
        return document["mail_settings"]["sandbox_mode"]["enable"] is True
    except (LookupError, TypeError):
        return False


def _id(reply: Response) -> str | None:
    found = reply.headers.get("x-message-id", "")
    return found if _ID.fullmatch(found) else None
