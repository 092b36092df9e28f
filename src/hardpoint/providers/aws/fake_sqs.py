"""SQS as a fake: one queue and one for its dead letters, strict about what it is sent.

Rules as https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
has them, read 2026-12-01. It never waits for messages. What it does not know it refuses.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.sigv4 import SigV4Doorkeeper
from hardpoint.fakes.vendors import Trigger, VendorFacts

ACCESS_KEY_ID = "AKIAFAKE"
SECRET_ACCESS_KEY = "fake-secret-access-key"  # noqa: S105 - it opens nothing but this fake
REGION = "eu-central-1"
QUEUE = "/123456789012/jobs"
DEAD_LETTERS = "/123456789012/dead"
UNSENDABLE = "unsendable"
"""A body that is refused."""
BODY_BYTES_MAX = 1024 * 1024
_ENTRY: Final = {
    "DelaySeconds",
    "MessageAttributes",
    "MessageBody",
    "MessageDeduplicationId",
    "MessageGroupId",
}
_FIELDS: Final[Mapping[str, set[str]]] = {
    "SendMessage": _ENTRY,
    "SendMessageBatch": {"Entries"},
    "ReceiveMessage": {
        "MaxNumberOfMessages",
        "MessageAttributeNames",
        "MessageSystemAttributeNames",
        "VisibilityTimeout",
        "WaitTimeSeconds",
    },
    "DeleteMessage": {"ReceiptHandle"},
    "ChangeMessageVisibility": {"ReceiptHandle", "VisibilityTimeout"},
}


class SqsRefusedError(Exception):
    """The request is refused."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class HeldMessage(msgspec.Struct):
    """A message, and until when nobody receives it."""

    id: str
    body: str
    attributes: dict[str, Any]
    sent_at: float
    visible_at: float
    count: int = 0
    receipt: str = ""


@final
class FakeSqs:
    """One standard queue, `/123456789012/jobs`, and `/123456789012/dead`.

    Args:
        now: Unix seconds.

    Attributes:
        queues: the messages of each, by its path.
    """

    name = "aws.sqs"

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        """`message` for each that was sent, `refusal` with its code."""
        self.facts = VendorFacts(
            settings={
                "queue_url": f"https://sqs.{REGION}.amazonaws.com{QUEUE}",
                "region": REGION,
                "access_key_id": ACCESS_KEY_ID,
                "secret_access_key": SECRET_ACCESS_KEY,
            },
            address="queue_url",
            address_path=QUEUE,
            instead=("session_token", "credentials", "compatible_host", "dead_letter_url"),
            triggers=(
                Trigger(field="body", value=UNSENDABLE, answer="400 InvalidMessageContents"),
            ),
        )
        self.queues: dict[str, list[HeldMessage]] = {QUEUE: [], DEAD_LETTERS: []}
        self._now = now
        self._requests = 0
        self._sent = 0
        self._doorkeeper = SigV4Doorkeeper(
            ACCESS_KEY_ID,
            Secret.value(SECRET_ACCESS_KEY),
            region=REGION,
            service="sqs",
            path_as_sent=False,
            refuse=SqsRefusedError,
            now=now,
        )

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as SQS does."""
        self._requests += 1
        identifier = ("x-amzn-requestid", f"fake-{self._requests:06d}")
        try:
            document, status = self._acted(request), 200
        except SqsRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            document = {
                "__type": f"com.amazonaws.sqs#{refused.code}",
                "message": "The fake refuses.",
            }
            status = refused.status
        reply = FakeReply.json(document, status, identifier)
        return reply if document is not None else FakeReply(headers=(identifier,))

    def _acted(self, request: Received) -> Any:
        self._doorkeeper.check(request)
        if request.headers.get("content-type") != "application/x-amz-json-1.0":
            raise SqsRefusedError("InvalidAction")
        service, _, action = request.headers.get("x-amz-target", "").partition(".")
        document: dict[str, Any] = request.json()
        path = urlsplit(str(document.pop("QueueUrl", ""))).path
        if service != "AmazonSQS" or action not in _FIELDS or request.path != "/":
            raise SqsRefusedError("InvalidAction")
        if path not in self.queues:
            raise SqsRefusedError("QueueDoesNotExist")
        if document.keys() - _FIELDS[action]:
            raise SqsRefusedError("InvalidParameterValue")
        acts: Mapping[str, Callable[[list[HeldMessage], Mapping[str, Any]], Any]] = {
            "SendMessage": self.send,
            "SendMessageBatch": self.send_many,
            "ReceiveMessage": self.receive,
            "DeleteMessage": self.delete,
            "ChangeMessageVisibility": self.hide,
        }
        return acts[action](self.queues[path], document)

    def send(self, queue: list[HeldMessage], entry: Mapping[str, Any]) -> Any:
        """`SendMessage`."""
        body = entry["MessageBody"]
        attributes: dict[str, Any] = entry.get("MessageAttributes", {})
        size = len(body.encode()) + sum(
            len(name) + len(one["DataType"]) + len(one["StringValue"].encode())
            for name, one in attributes.items()
        )
        if body == UNSENDABLE:
            raise SqsRefusedError("InvalidMessageContents")
        if not body or size > BODY_BYTES_MAX or len(attributes) > 10:
            raise SqsRefusedError("InvalidParameterValue")
        self._sent += 1
        held = HeldMessage(
            id=f"message-{self._sent:06d}",
            body=body,
            attributes=attributes,
            sent_at=self._now(),
            visible_at=self._now() + entry.get("DelaySeconds", 0),
        )
        queue.append(held)
        self.ledger.record("message", id=held.id)
        return {"MessageId": held.id, "MD5OfMessageBody": _md5(body)}

    def send_many(self, queue: list[HeldMessage], document: Mapping[str, Any]) -> Any:
        """`SendMessageBatch`: some may be refused."""
        entries: Sequence[dict[str, Any]] = document["Entries"]
        if not 1 <= len(entries) <= 10 or len({one["Id"] for one in entries}) < len(entries):
            raise SqsRefusedError("TooManyEntriesInBatchRequest")
        taken: list[Any] = []
        failed: list[Any] = []
        for entry in entries:
            name = entry.pop("Id")
            try:
                taken.append({"Id": name, **self.send(queue, entry)})
            except SqsRefusedError as refused:
                failed.append({"Id": name, "Code": refused.code, "SenderFault": True})
        return {"Successful": taken, "Failed": failed}

    def receive(self, queue: list[HeldMessage], document: Mapping[str, Any]) -> Any:
        """`ReceiveMessage`."""
        most, hidden = document["MaxNumberOfMessages"], document["VisibilityTimeout"]
        if not 1 <= most <= 10 or not 0 <= document["WaitTimeSeconds"] <= 20:
            raise SqsRefusedError("InvalidParameterValue")
        found = [one for one in queue if one.visible_at <= self._now()][:most]
        for one in found:
            one.count += 1
            one.receipt = f"{one.id}#{one.count}"
            one.visible_at = self._now() + hidden
        return {"Messages": [_shown(one) for one in found]} if found else {}

    def delete(self, queue: list[HeldMessage], document: Mapping[str, Any]) -> None:
        """`DeleteMessage`."""
        queue.remove(_known(queue, document))

    def hide(self, queue: list[HeldMessage], document: Mapping[str, Any]) -> None:
        """`ChangeMessageVisibility`."""
        held = _known(queue, document)
        if held.visible_at <= self._now():
            raise SqsRefusedError("MessageNotInflight")
        held.visible_at = self._now() + document["VisibilityTimeout"]


def _known(queue: Sequence[HeldMessage], document: Mapping[str, Any]) -> HeldMessage:
    for one in queue:
        if one.receipt and one.receipt == document["ReceiptHandle"]:
            return one
    raise SqsRefusedError("ReceiptHandleIsInvalid", 404)


def _shown(one: HeldMessage) -> Any:
    return {
        "MessageId": one.id,
        "ReceiptHandle": one.receipt,
        "Body": one.body,
        "MD5OfBody": _md5(one.body),
        "Attributes": {
            "ApproximateReceiveCount": str(one.count),
            "SentTimestamp": str(int(one.sent_at * 1000)),
        },
        "MessageAttributes": one.attributes,
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
