"""SQS on a moto server and on the fake: the suite, faults, the official library, odd answers."""

import boto3
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.aws.conftest import Scripted

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.messages import Headers, Response
from hardpoint.providers.aws.fake_sqs import DEAD_LETTERS, QUEUE, UNSENDABLE, FakeSqs
from hardpoint.providers.aws.resources import Sqs
from hardpoint.providers.aws.sqs import KEY, SqsQueue, _read, _written
from hardpoint.queues import NewQueueMessage, Queue, QueueMessage
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sync.queues import Queue as BlockingQueue
from hardpoint.testing.conformance import QueueConformance, QueueSubject
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import driver_of, settings_of

ACCESS_KEY = "AKIAFAKE"
SECRET = "fake-secret"
NAMES = ("jobs", "dead", "jobs.fifo", "dead.fifo")


class CountedTransport:
    """A transport that counts what goes through it."""

    def __init__(self, transport):
        self._transport = transport
        self.count = 0

    async def send(self, request):
        self.count += 1
        return await self._transport.send(request)


@pytest.fixture(scope="session")
def official_queues(moto_url):
    """The vendor's own client."""
    client = boto3.client(
        "sqs",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
    )
    yield client
    client.close()


@pytest.fixture
def official(official_queues):
    """The same, on queues that are empty; and their addresses."""
    urls = {}
    for name in NAMES:
        ordered = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        made = official_queues.create_queue(QueueName=name, Attributes=ordered)
        urls[name] = made["QueueUrl"]
    yield official_queues, urls
    for url in urls.values():
        official_queues.delete_queue(QueueUrl=url)


def subject_on(mode, official, name):
    client, urls = official
    transport = CountedTransport(mode.transport())
    aside = urls[name.replace("jobs", "dead")]
    settings = Sqs(
        queue_url=urls[name],
        region="us-east-1",
        access_key_id=ACCESS_KEY,
        secret_access_key=Secret.value(SECRET),
        dead_letter_url=aside,
    )

    def dead():
        found = client.receive_message(QueueUrl=aside, MessageAttributeNames=["All"])
        return [
            (one["Body"].encode(), one["MessageAttributes"]["dead-letter-reason"]["StringValue"])
            for one in found.get("Messages", ())
        ]

    return QueueSubject(
        mode, SqsQueue(transport, settings), requests=lambda: transport.count, dead=dead
    )


class TestStandard(QueueConformance):
    @pytest.fixture
    def subject(self, mode, official):
        return subject_on(mode, official, "jobs")

    def test_what_the_official_client_sends_is_received(self, subject, official):
        client, urls = official
        client.send_message(
            QueueUrl=urls["jobs"],
            MessageBody="Grüße",
            MessageAttributes={
                "order": {"DataType": "String", "StringValue": "17"},
                "count": {"DataType": "Number", "StringValue": "3"},
                "raw": {"DataType": "Binary", "BinaryValue": b"\xff"},
            },
        )
        message = subject.one()
        assert message.body == "Grüße".encode()
        assert message.attributes == {"order": "17", "count": "3", "raw": "/w=="}

    def test_the_official_client_receives_what_is_sent(self, subject, official):
        client, urls = official
        sent = subject.send("Grüße".encode(), attributes={"order": "17"}, idempotency_key="k")
        found = client.receive_message(QueueUrl=urls["jobs"], MessageAttributeNames=["All"])
        (one,) = found["Messages"]
        texts = {name: of["StringValue"] for name, of in one["MessageAttributes"].items()}
        assert (one["MessageId"], one["Body"]) == (sent.id, "Grüße")
        assert texts == {"order": "17", KEY: "send:k"}


class TestFifo(QueueConformance):
    @pytest.fixture
    def subject(self, mode, official):
        return subject_on(mode, official, "jobs.fifo")

    def test_the_official_client_receives_group_and_key(self, subject, official):
        client, urls = official
        subject.send(b"hello", group="order-17", idempotency_key="k")
        (one,) = client.receive_message(
            QueueUrl=urls["jobs.fifo"], MessageSystemAttributeNames=["All"]
        )["Messages"]
        told = one["Attributes"]
        assert told["MessageGroupId"] == "order-17"
        assert told["MessageDeduplicationId"] == "send:k"


def address_of(url):
    return f"{url}{QUEUE}"


class TestFake(QueueConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeSqs()
        with FakeServer(vendor) as server:
            aside = f"{server.url}{DEAD_LETTERS}"
            driver = driver_of(
                vendor, mode.transport(), address_of(server.url), dead_letter_url=aside
            )
            yield QueueSubject(
                mode,
                driver,
                requests=lambda: server.requests,
                dead=lambda: [
                    (one.body.encode(), one.attributes["dead-letter-reason"]["StringValue"])
                    for one in vendor.queues[DEAD_LETTERS]
                ],
                unsendable=UNSENDABLE.encode(),
            )


def with_a_message():
    vendor = FakeSqs()
    vendor.send(vendor.queues[QUEUE], {"MessageBody": "hello"})
    return vendor


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=with_a_message,
        port=lambda transport, url, connection: Queue(
            driver_of(FakeSqs(), transport, address_of(url)), connection
        ),
        facade=BlockingQueue,
        calls={
            "read": lambda port: port.receive(),
            "unkeyed": lambda port: port.send(b"a"),
        },
        effects="message",
        refused=(lambda port: port.send(UNSENDABLE.encode()), InvalidRequestError),
    )


@pytest.fixture
def scripted_queue():
    """A queue whose vendor answers what it is told to."""

    def make(*replies, **settings):
        transport = Scripted(*replies)
        given = settings_of(FakeSqs(), **settings)
        connection = Connection("jobs", BlockingRuntime())
        return BlockingQueue(Queue(SqsQueue(transport, given), connection)), transport

    return make


def reply(document, status=200, **headers):
    made = FakeReply.json(document, status)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status=status, headers=Headers.of({**dict(made.headers), **named}), body=made.body
    )


MESSAGE = QueueMessage(id="m", body=b"hello", receipt="r")


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "Throttling",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ThrottledException",
        "ProvisionedThroughputExceededException",
        "PriorRequestNotComplete",
        "OverLimit",
        "KmsThrottled",
    ],
)
def test_a_throttle_is_one_whatever_its_status(scripted_queue, code, status):
    queue, _ = scripted_queue(reply({"__type": f"com.amazonaws.sqs#{code}"}, status))
    with pytest.raises(RateLimitedError) as caught:
        queue.ack(MESSAGE)
    assert (caught.value.vendor_code, caught.value.provider) == (code, "aws.sqs")


def test_a_code_may_stand_in_a_header_or_in_xml(scripted_queue):
    told = reply(
        {}, 503, x_amzn_errortype="ThrottlingException:http://internal", x_amzn_requestid="r-1"
    )
    in_xml = Response(
        status=503,
        headers=Headers([]),
        body=b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
    )
    broken = Response(status=404, headers=Headers([]), body=b"<html")
    nothing = Response(status=403, headers=Headers([]), body=b"")
    queue, _ = scripted_queue(told, in_xml, broken, nothing)
    with pytest.raises(RateLimitedError) as caught:
        queue.ack(MESSAGE)
    assert caught.value.request_id == "r-1"
    with pytest.raises(RateLimitedError):
        queue.ack(MESSAGE)
    with pytest.raises(NotFoundError):
        queue.ack(MESSAGE)
    with pytest.raises(PermissionDeniedError):
        queue.ack(MESSAGE)


def test_keys_that_are_not_accepted_are_told(scripted_queue):
    queue, _ = scripted_queue(reply({"__type": "UnrecognizedClientException"}, 400))
    with pytest.raises(AuthenticationError):
        queue.ack(MESSAGE)


def test_a_message_that_was_damaged_on_its_way_there_is_in_doubt(scripted_queue):
    queue, _ = scripted_queue(reply({"MessageId": "m", "MD5OfMessageBody": "0" * 32}))
    with pytest.raises(OutcomeUnknownError) as caught:
        queue.send(b"hello")
    assert isinstance(caught.value.__cause__, UnexpectedResponseError)


def test_a_message_that_was_damaged_on_its_way_here_is_not_given(scripted_queue):
    damaged = {"MessageId": "m", "ReceiptHandle": "r", "Body": "a", "MD5OfBody": "0" * 32}
    queue, _ = scripted_queue(reply({"Messages": [damaged]}))
    assert list(queue.receive()) == []


def test_what_a_batch_does_not_tell_of_is_in_doubt_and_hides_nothing(scripted_queue):
    answer = {
        "Successful": [{"Id": "0", "MessageId": "m"}],
        "Failed": [
            {"Id": "2", "Code": "InternalError", "SenderFault": False},
            {"Id": "3", "Code": "Odd", "SenderFault": True},
        ],
    }
    queue, _ = scripted_queue(reply(answer))
    results = queue.send_many([NewQueueMessage(body=b"a")] * 4)
    kinds = [type(one).__name__ for one in results.outcomes]
    assert kinds == [
        "SentMessage",
        "UnexpectedResponseError",
        "OutcomeUnknownError",
        "InvalidRequestError",
    ]
    assert results.failures[1].outcome_known is False


def test_a_receipt_that_is_old_is_a_precondition(scripted_queue):
    queue, _ = scripted_queue(reply({"__type": "ReceiptHandleIsInvalid"}, 404))
    with pytest.raises(PreconditionFailedError):
        queue.ack(MESSAGE)


def test_a_message_without_facts_has_none(scripted_queue):
    bare = {"MessageId": "m", "ReceiptHandle": "r", "Body": "a"}
    queue, _ = scripted_queue(reply({"Messages": [bare]}))
    (message,) = queue.receive()
    assert (message.attempts, message.sent_at, message.group) == (None, None, None)


def test_a_message_over_the_limit_is_refused_before_anything_is_sent(scripted_queue):
    queue, transport = scripted_queue()
    with pytest.raises(InvalidRequestError, match="storage") as caught:
        queue.send(b"x" * (1024 * 1024))
    assert caught.value.field == "body"
    assert transport.requests == []


@given(
    st.binary(min_size=1, max_size=200)
    | st.text(min_size=1).map(lambda t: t.encode("utf-8", "replace"))
)
def test_any_bytes_come_back(body):
    text, encoded = _written(body)
    text.encode()
    assert _read(text, {"content-encoding": "base64"} if encoded else {}) == body


def test_what_only_says_that_it_is_encoded_is_left():
    texts = {"content-encoding": "base64"}
    assert _read("not base64!", texts) == b"not base64!"
    assert texts


@pytest.mark.parametrize("room", [0, 40, 5000])
def test_a_reason_takes_no_more_than_the_message_leaves_when_it_is_put_aside(scripted_queue, room):
    sent = reply({"MessageId": "d"})
    queue, transport = scripted_queue(
        sent, reply({}), dead_letter_url="https://sqs.eu-central-1.amazonaws.com/123456789012/dead"
    )
    body = b"x" * (1024 * 1024 - room)
    queue.dead_letter(QueueMessage(id="m", body=body, receipt="r"), "\u0142" * 1000)
    document = msgspec.json.decode(transport.requests[0].body)
    named = document.get("MessageAttributes", {})
    size = len(document["MessageBody"]) + sum(
        len(name) + len("String") + len(one["StringValue"].encode()) for name, one in named.items()
    )
    assert size <= 1024 * 1024
    assert bool(named) is (room > 0)


def test_a_message_of_a_batch_that_was_damaged_is_in_doubt_and_hides_nothing(scripted_queue):
    good = "0cc175b9c0f1b6a831c399e269772661"
    answer = {
        "Successful": [
            {"Id": "0", "MessageId": "m", "MD5OfMessageBody": good},
            {"Id": "1", "MessageId": "n", "MD5OfMessageBody": "0" * 32},
        ]
    }
    queue, _ = scripted_queue(reply(answer))
    results = queue.send_many([NewQueueMessage(body=b"a")] * 2)
    assert list(results.failures) == [1]
    assert results.failures[1].outcome_known is False
