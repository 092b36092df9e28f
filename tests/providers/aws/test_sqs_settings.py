"""A queue's settings, and what its fake refuses."""

import time

import msgspec
import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.messages import Received
from hardpoint.providers.aws.credentials import AwsSigners
from hardpoint.providers.aws.fake_sqs import QUEUE, REGION, FakeSqs
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock
from hardpoint.testing.conformance.served import settings_of

REGIONAL = "https://sqs.eu-central-1.amazonaws.com/123456789012/"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"queue_url": "https://evil.example/123456789012/jobs"}, "queue_url"),
        ({"queue_url": "http://sqs.eu-central-1.amazonaws.com/123456789012/jobs"}, "queue_url"),
        ({"queue_url": f"{REGIONAL}../jobs"}, "queue_url"),
        ({"queue_url": f"{REGIONAL}jobs?a=b"}, "queue_url"),
        ({"queue_url": "https://sqs.eu-central-1.amazonaws.com/jobs"}, "queue_url"),
        ({"dead_letter_url": f"{REGIONAL}jobs"}, "dead_letter_url"),
        ({"dead_letter_url": f"{REGIONAL}dead.fifo"}, "dead_letter_url"),
        (
            {"dead_letter_url": "https://sqs.us-east-1.amazonaws.com/123456789012/dead"},
            "dead_letter_url",
        ),
        ({"region": "evil/"}, "region"),
        ({"region": None, "queue_url": "http://127.0.0.1:9324/queue/jobs"}, "region"),
        ({"hidden_seconds": 0}, "hidden_seconds"),
        ({"hidden_seconds": 43_201}, "hidden_seconds"),
        ({"access_key_id": "ASIA1"}, "session_token"),
    ],
)
def test_what_cannot_work_is_named(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        settings_of(FakeSqs(), **changes)
    assert caught.value.key == key
    assert caught.value.fix


@pytest.mark.parametrize(
    ("changes", "region", "base_url"),
    [
        ({"region": None}, "eu-central-1", "https://sqs.eu-central-1.amazonaws.com"),
        (
            {"region": None, "queue_url": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/a"},
            "cn-north-1",
            "https://sqs.cn-north-1.amazonaws.com.cn",
        ),
        ({"queue_url": "http://127.0.0.1:9324/queue/jobs"}, REGION, "http://127.0.0.1:9324"),
        (
            {"queue_url": "https://mq.example/queue/jobs", "compatible_host": "mq.example"},
            REGION,
            "https://mq.example",
        ),
    ],
)
def test_what_can_work_is_taken(changes, region, base_url):
    settings = settings_of(FakeSqs(), **changes)
    assert (settings.signed_region, settings.base_url) == (region, base_url)


class Sent:
    """The fake, asked straight."""

    def __init__(self, vendor):
        self.vendor = vendor
        self._signers = AwsSigners(settings_of(vendor), "sqs", SystemClock(), region=REGION)

    def __call__(self, action, kind="application/x-amz-json-1.0", path="/", **document):
        body = msgspec.json.encode({"QueueUrl": f"http://127.0.0.1{QUEUE}", **document})
        given = [("content-type", kind), ("x-amz-target", action)]
        url = f"http://127.0.0.1{path}"
        headers = run(self._signers.headers("POST", url, given, body, now=time.time()))
        named = {"host": "127.0.0.1", **dict(headers)}
        return self.vendor.answer(Received(method="POST", target=path, headers=named, body=body))


RECEIVE = {"MaxNumberOfMessages": 1, "VisibilityTimeout": 1, "WaitTimeSeconds": 0}


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("InvalidAction", {"action": "AmazonSQS.PurgeQueue"}),
        ("InvalidAction", {"action": "AmazonSNS.SendMessage", "MessageBody": "a"}),
        ("InvalidAction", {"action": "AmazonSQS.SendMessage", "kind": "application/json"}),
        ("InvalidAction", {"action": "AmazonSQS.SendMessage", "path": "/queue"}),
        ("QueueDoesNotExist", {"action": "AmazonSQS.SendMessage", "QueueUrl": "http://h/other"}),
        ("InvalidParameterValue", {"action": "AmazonSQS.SendMessage", "Odd": 1}),
        ("InvalidParameterValue", {"action": "AmazonSQS.SendMessage", "MessageBody": ""}),
        ("TooManyEntriesInBatchRequest", {"action": "AmazonSQS.SendMessageBatch", "Entries": []}),
        (
            "InvalidParameterValue",
            {"action": "AmazonSQS.ReceiveMessage", **RECEIVE, "WaitTimeSeconds": 21},
        ),
    ],
)
def test_the_fake_refuses_what_it_does_not_know(code, asked):
    answer = Sent(FakeSqs())(**asked)
    assert (answer.status, f"#{code}" in answer.body.decode()) == (400, True)


def test_the_fake_does_not_hide_what_nobody_holds():
    clock = [time.time()]
    sent = Sent(FakeSqs(now=lambda: clock[0]))
    sent("AmazonSQS.SendMessage", MessageBody="a")
    sent("AmazonSQS.ReceiveMessage", **RECEIVE)
    clock[0] += 2
    receipt = sent.vendor.queues[QUEUE][0].receipt
    answer = sent("AmazonSQS.ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=1)
    assert b"#MessageNotInflight" in answer.body
