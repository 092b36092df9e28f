"""Postmark's email over REST.

https://postmarkapp.com/developer/api/email-api and templates-api, by published excerpts and the
official Python package (postmark-python 0.4.0); 2026-12-01.

There are no idempotency keys: what may have been sent is never sent again. The key goes along as
metadata, so that the events of an email say which call sent it.
"""

import base64
from collections.abc import Mapping, Sequence
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
    EmailFailure,
    NewEmail,
    ReceivedEmail,
)
from hardpoint.http.auth import HeaderKey
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.postmark import HOSTS, Postmark, reading, wire
from hardpoint.providers.postmark.errors import ERRORS

_NAME_CHARACTERS_MAX, _VALUE_CHARACTERS_MAX = 20, 80
_SPECIALS = frozenset('()<>[]:;@\\,."')
_INACTIVE = "will not deliver to these inactive addresses:"
_INACTIVE_CODE = 406


@final
class PostmarkEmail:
    """Postmark's email API."""

    provider = "postmark"
    capabilities = Capabilities(
        frozenset(EmailCapability) - {EmailCapability.INVITATIONS, EmailCapability.SCHEDULED},
        idempotency=Idempotency.NONE,
        key_length_max=_VALUE_CHARACTERS_MAX,
        limits={
            "recipients": 50,
            "message_bytes": 10_000_000,
            "attachments": 100,  # ours; Postmark names none
            "metadata_bytes": 2000,  # ours; each name has 20 characters, each value 80
            "batch_recipients": 500,
            "tags": 1,
        },
    )

    def __init__(self, transport: Transport, settings: Postmark) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=HeaderKey("x-postmark-server-token", settings.server_token),
            headers=(("accept", "application/json"),),
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal)
        self._stream = settings.stream
        self._sender = (
            None if settings.from_ is None else checked_address(settings.from_, field="from_")
        )

    @property
    def sender(self) -> Address | None:
        """The settings' own."""
        return self._sender

    async def send(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand it over to be sent. Postmark has no use for a key; it goes along as metadata."""
        _check_metadata("metadata", new.metadata)
        own = self._document(new, idempotency_key, new.metadata, new.variables)
        groups = {"To": new.to, "Cc": new.cc, "Bcc": new.bcc}
        own |= {name: _listed(group) for name, group in groups.items() if group}
        path = "/email" if new.template is None else "/email/withTemplate"
        document = merged(own, new.extra, self.provider)
        receipt = await self._api.post(path, wire.Receipt, document=document)
        if receipt.error_code != 0 or receipt.message_id is None:
            raise UnexpectedResponseError("the answer is of no email", outcome_known=False)
        inactive = _inactive(receipt.message)
        return Email(
            id=receipt.message_id,
            idempotency_key=new.key,
            deliveries=tuple(_delivery(one, inactive) for one in new.recipients),
        )

    async def send_batch(self, new: NewEmail, *, idempotency_key: str) -> Email:
        """Hand over one for each; every one has an id, or a refusal, of its own."""
        emails: list[dict[str, Any]] = []
        for index, one in enumerate(new.batch):
            _check_metadata(f"recipients[{index}].metadata", one.metadata)
            metadata = {**new.metadata, **one.metadata}
            variables = {**new.variables, **one.variables}
            own = self._document(new, idempotency_key, metadata, variables)
            own["To"] = _shown(one.address)
            emails.append(merged(own, new.extra, self.provider))
        if new.template is None:
            path, document = "/email/batch", emails
        else:
            path, document = "/email/batchWithTemplates", {"Messages": emails}
        receipts = await self._api.post(path, list[wire.Receipt], document=document)
        if len(receipts) != len(emails):
            raise UnexpectedResponseError("the answer is of another batch", outcome_known=False)
        return Email(
            id=None,
            idempotency_key=new.key,
            deliveries=tuple(map(_of_batch, new.recipients, receipts)),
        )

    def parse_events(self, body: bytes) -> tuple[EmailEvent, ...]:
        """What a webhook's body says of an email."""
        return reading.events(body)

    def parse_received(self, body: bytes) -> ReceivedEmail:
        """An email that came in."""
        return reading.received(body)

    def _document(
        self, new: NewEmail, key: str, metadata: Mapping[str, str], variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """All but the recipients; what is empty is left out."""
        fields: dict[str, Any] = {
            "From": _shown(new.from_),
            "Subject": new.subject,
            "TextBody": new.text,
            "HtmlBody": new.html,
            "ReplyTo": _listed(new.reply_to),
            "Tag": next(iter(new.tags), None),
            "Headers": [{"Name": name, "Value": value} for name, value in new.headers.items()],
            "Attachments": [_attached(one) for one in new.attachments],
            "Metadata": {**metadata, reading.KEY: _reference(new.key, key)},
            "MessageStream": self._stream,
        }
        if new.template is not None:
            named = new.template.isdecimal()
            fields["TemplateId" if named else "TemplateAlias"] = (
                int(new.template) if named else new.template
            )
        shown = {name: value for name, value in fields.items() if value}
        if new.template is not None:
            shown["TemplateModel"] = dict(variables)  # Postmark wants it, empty too
        return shown


def _reference(key: str, derived: str) -> str:
    """The caller's key where it fits, else what it was made into."""
    return key if len(key) <= _VALUE_CHARACTERS_MAX else derived


def _shown(one: Address) -> str:
    return one.email if one.name is None else f"{quoted(one.name, _SPECIALS)} <{one.email}>"


def _listed(group: Sequence[Address]) -> str:
    return ", ".join(map(_shown, group))


def _attached(one: Attachment) -> dict[str, str]:
    shown = {
        "Name": one.name,
        "Content": base64.b64encode(one.content).decode("ascii"),
        "ContentType": one.content_type,
    }
    if one.content_id is not None:
        shown["ContentID"] = f"cid:{one.content_id}"
    return shown


def _check_metadata(field: str, given: Mapping[str, str]) -> None:
    for name, value in given.items():
        where = f"{field}[{name!r}]"
        if name == reading.KEY:
            raise InvalidRequestError("is our own", field=where)
        if len(name) > _NAME_CHARACTERS_MAX or len(value) > _VALUE_CHARACTERS_MAX:
            raise InvalidRequestError(
                f"has more than {_NAME_CHARACTERS_MAX} characters in its name, or"
                f" {_VALUE_CHARACTERS_MAX} in its value",
                field=where,
            )


def _inactive(message: str) -> frozenset[str]:
    """Whom Postmark does not send to; the others of the same email get it."""
    _, found, listed = message.partition(_INACTIVE)
    named = (one.strip(" .").casefold() for one in listed.split(","))
    return frozenset(named) if found else frozenset()


def _delivery(one: Address, inactive: frozenset[str]) -> Delivery:
    if one.email.casefold() not in inactive:
        return Delivery(to=one.email, status=DeliveryStatus.QUEUED, vendor_status="OK")
    return Delivery(
        to=one.email,
        status=DeliveryStatus.REJECTED,
        vendor_status="inactive",
        failure=EmailFailure.BOUNCED_BEFORE,
    )


def _of_batch(one: Address, receipt: wire.Receipt) -> Delivery:
    if receipt.error_code == 0:
        return Delivery(
            to=one.email, status=DeliveryStatus.QUEUED, vendor_status="OK", id=receipt.message_id
        )
    inactive = receipt.error_code == _INACTIVE_CODE
    return Delivery(
        to=one.email,
        status=DeliveryStatus.REJECTED if inactive else DeliveryStatus.FAILED,
        vendor_status=str(receipt.error_code),
        failure=EmailFailure.BOUNCED_BEFORE if inactive else EmailFailure.OTHER,
    )
