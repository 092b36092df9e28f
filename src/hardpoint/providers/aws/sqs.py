"""SQS over its JSON protocol: one queue, standard or FIFO.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html, read
2026-12-01. A body is text there; bytes that are none go as base64, which an attribute says.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar, final

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    InvalidRequestError,
    ProviderError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response, Transport
from hardpoint.providers.aws.errors import SQS_ERRORS
from hardpoint.providers.aws.resources import Sqs
from hardpoint.providers.aws.services import AwsService
from hardpoint.queues.driver import QueueCapability
from hardpoint.queues.types import NewQueueMessage, QueueMessage, SentMessage

_Wire = TypeVar("_Wire")
KEY: Final = "idempotency-key"
"""The attribute for the caller's key, where the queue knows none of its own."""
ENCODING: Final = "content-encoding"
REASON: Final = "dead-letter-reason"
_OURS: Final = 64
"""Bytes of an attribute of ours beside its value."""
_LIMITS: Final = {
    "body_bytes": 1024 * 1024,
    "batch_messages": 10,
    "batch_bytes": 1024 * 1024,
    "receive_messages": 10,
    "wait_seconds": 20,
    "hidden_seconds": 12 * 3600,
    "delay_seconds": 900,
    "attributes": 8,  # of ten; two are ours
}
_FLAGS: Final = frozenset({QueueCapability.ATTRIBUTES, QueueCapability.DELAY})
_ODD: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Sent(msgspec.Struct, rename="pascal"):
    message_id: str
    md5: str = msgspec.field(default="", name="MD5OfMessageBody")


class _Taken(msgspec.Struct, rename="pascal"):
    id: str
    message_id: str
    md5: str = msgspec.field(default="", name="MD5OfMessageBody")


class _Failed(msgspec.Struct, rename="pascal"):
    id: str
    code: str
    sender_fault: bool = False
    message: str | None = None


class _Batch(msgspec.Struct, rename="pascal"):
    successful: list[_Taken] = []
    failed: list[_Failed] = []


class _Value(msgspec.Struct, rename="pascal"):
    string_value: str | None = None
    binary_value: str | None = None


class _Received(msgspec.Struct, rename="pascal"):
    message_id: str
    receipt_handle: str
    body: str
    md5: str = msgspec.field(default="", name="MD5OfBody")
    attributes: dict[str, str] = {}
    message_attributes: dict[str, _Value] = {}


class _Page(msgspec.Struct, rename="pascal"):
    messages: list[_Received] | None = None


@final
class SqsQueue:
    """One queue.

    Args:
        transport: how requests are sent.
        settings: which queue.
        clock: its time is signed.
    """

    provider = "aws.sqs"
    capabilities = Capabilities(_FLAGS, key_length_max=128, limits=_LIMITS)

    def __init__(self, transport: Transport, settings: Sqs, clock: Clock | None = None) -> None:
        self._url, self._aside = settings.queue_url, settings.dead_letter_url
        self.hidden_seconds = settings.hidden_seconds
        self.needs_group = settings.fifo
        self.capabilities = _capabilities(ordered=self.needs_group, aside=self._aside is not None)
        self._service = AwsService(
            transport,
            settings,
            "sqs",
            region=settings.signed_region,
            base_url=settings.base_url,
            errors=SQS_ERRORS,
            clock=clock,
        )

    def size(self, new: NewQueueMessage) -> int:
        """The body as it is sent, and names, types and values of the attributes."""
        keyed = 0 if self.needs_group else _OURS + self.capabilities.key_length_max
        return self._bytes_of(new) + keyed

    async def send(self, new: NewQueueMessage, *, idempotency_key: str) -> SentMessage:
        """`SendMessage`."""
        entry = self._entry(new, idempotency_key)
        sent = await self._call("SendMessage", {"QueueUrl": self._url, **entry}, _Sent)
        if sent.md5 and sent.md5 != _md5(entry["MessageBody"]):
            raise self._damaged()
        return SentMessage(id=sent.message_id)

    async def send_many(
        self, news: Sequence[NewQueueMessage], *, idempotency_keys: Sequence[str]
    ) -> Sequence[SentMessage | ProviderError]:
        """`SendMessageBatch`, which may take some and refuse others."""
        entries = [
            {"Id": str(place), **self._entry(new, key)}
            for place, (new, key) in enumerate(zip(news, idempotency_keys, strict=True))
        ]
        document = {"QueueUrl": self._url, "Entries": entries}
        batch = await self._call("SendMessageBatch", document, _Batch)
        told: dict[str, SentMessage | ProviderError] = {
            one.id: SentMessage(id=one.message_id) for one in batch.successful
        }
        asked = {entry["Id"]: _md5(entry["MessageBody"]) for entry in entries}
        told.update(
            (one.id, self._damaged())
            for one in batch.successful
            if one.md5 and one.md5 != asked.get(one.id)
        )
        told.update((one.id, _failure(one)) for one in batch.failed)
        missing = UnexpectedResponseError(
            "the answer does not tell of the message", provider=self.provider, outcome_known=False
        )
        return [told.get(str(place), missing) for place in range(len(news))]

    async def receive(self, *, most: int, wait: int, hidden: int) -> Sequence[QueueMessage]:
        """`ReceiveMessage`. A message that came damaged is left, and is received again."""
        document = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": most,
            "WaitTimeSeconds": wait,
            "VisibilityTimeout": hidden,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": [
                "ApproximateReceiveCount",
                "SentTimestamp",
                "MessageGroupId",
            ],
        }
        page = await self._call("ReceiveMessage", document, _Page)
        whole = [one for one in page.messages or () if one.md5 in {"", _md5(one.body)}]
        return [_message(one) for one in whole]

    async def ack(self, message: QueueMessage) -> None:
        """`DeleteMessage`."""
        document = {"QueueUrl": self._url, "ReceiptHandle": message.receipt}
        await self._act("DeleteMessage", document)

    async def hide(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """`ChangeMessageVisibility`; the receipt stays."""
        document = {
            "QueueUrl": self._url,
            "ReceiptHandle": message.receipt,
            "VisibilityTimeout": seconds,
        }
        await self._act("ChangeMessageVisibility", document)
        return message

    async def dead_letter(self, message: QueueMessage, reason: str) -> None:
        """A copy goes to the other queue, then it is deleted here."""
        room = dict(list(message.attributes.items())[: _LIMITS["attributes"]])
        copy = NewQueueMessage(body=message.body, attributes=room, group=message.group)
        left = _LIMITS["body_bytes"] - self._bytes_of(copy) - len(REASON) - len("String")
        shown = reason.encode()[: max(0, left)].decode(errors="ignore")
        if shown.strip():  # as much of it as there is room for beside the message
            copy = msgspec.structs.replace(copy, attributes={**room, REASON: shown})
        entry = self._entry(copy, message.id, keyed=False)
        document = {"QueueUrl": self._aside, **entry}
        await self._call("SendMessage", document, _Sent)
        await self.ack(message)

    def _bytes_of(self, new: NewQueueMessage) -> int:
        entry = self._entry(new, "", keyed=False)
        attributes: dict[str, dict[str, str]] = entry.get("MessageAttributes", {})
        named = sum(
            len(name.encode()) + len(value["DataType"]) + len(value["StringValue"].encode())
            for name, value in attributes.items()
        )
        return len(entry["MessageBody"].encode()) + named

    def _damaged(self) -> UnexpectedResponseError:
        return UnexpectedResponseError(
            "the message was damaged on its way", provider=self.provider, outcome_known=False
        )

    async def _act(self, action: str, document: Any) -> Response:
        return await self._service.act(f"AmazonSQS.{action}", document)

    async def _call(self, action: str, document: Any, kind: type[_Wire]) -> _Wire:
        return self._service.read(await self._act(action, document), kind)

    def _entry(self, new: NewQueueMessage, key: str, *, keyed: bool = True) -> dict[str, Any]:
        body, encoded = _written(new.body)
        attributes = dict(new.attributes)
        if encoded:
            attributes[ENCODING] = "base64"
        entry: dict[str, Any] = {"MessageBody": body}
        if self.needs_group:
            entry |= {"MessageGroupId": new.group, "MessageDeduplicationId": key}
        elif keyed:
            attributes[KEY] = key
        if new.delay:
            entry["DelaySeconds"] = new.delay
        if attributes:
            entry["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            }
        return entry


def _capabilities(*, ordered: bool, aside: bool) -> Capabilities:
    """What this queue can do: a FIFO queue honours keys for five minutes, and delays nothing."""
    flags = {QueueCapability.ATTRIBUTES}
    flags.add(QueueCapability.GROUPS if ordered else QueueCapability.DELAY)
    if aside:
        flags.add(QueueCapability.DEAD_LETTER)
    return Capabilities(
        frozenset(flags),
        idempotency=Idempotency.WINDOWED if ordered else Idempotency.NONE,
        key_length_max=128,
        key_seconds=300.0 if ordered else None,
        limits=_LIMITS,
    )


def _written(body: bytes) -> tuple[str, bool]:
    """A body as the text that is sent, and whether it is encoded."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True
    return (base64.b64encode(body).decode(), True) if _ODD.search(text) else (text, False)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _message(one: _Received) -> QueueMessage:
    texts = {
        name: text  # of bytes their base64, as it comes
        for name, value in one.message_attributes.items()
        if (text := value.binary_value if value.string_value is None else value.string_value)
        is not None
    }
    count = one.attributes.get("ApproximateReceiveCount", "")
    sent = one.attributes.get("SentTimestamp", "")
    return QueueMessage(
        id=one.message_id,
        body=_read(one.body, texts),
        receipt=one.receipt_handle,
        attributes=texts,
        attempts=int(count) if count.isdecimal() else None,
        sent_at=int(sent) / 1000 if sent.isdecimal() else None,
        group=one.attributes.get("MessageGroupId"),
    )


def _read(body: str, texts: dict[str, str]) -> bytes:
    """The bytes; what says that it is encoded, and is not, was meant otherwise."""
    if texts.get(ENCODING) == "base64":
        try:
            found = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body.encode()
        del texts[ENCODING]
        return found
    return body.encode()


def _failure(one: _Failed) -> ProviderError:
    problem = Problem(status=400 if one.sender_fault else 500, code=one.code)
    known = SQS_ERRORS.error(problem)
    if one.sender_fault and isinstance(known, InvalidRequestError):
        known.field = known.field or "messages"
    return known
