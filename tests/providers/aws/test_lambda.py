"""Lambda on its fake: the suite, the faults, the official library, and what a failure is."""

import boto3
import pytest
from botocore.config import Config
from tests.providers.aws.conftest import Scripted

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    ConfigurationError,
    FunctionFailedError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
)
from hardpoint.fakes.faults import commit_then_drop
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.functions import FunctionInvoker, MemoryFunction
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Headers, Response
from hardpoint.providers.aws.fake_lambda import (
    ACCESS_KEY_ID,
    FUNCTION,
    REGION,
    SECRET_ACCESS_KEY,
    FakeLambda,
)
from hardpoint.providers.aws.functions import LambdaFunction
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, constant
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sync.functions import FunctionInvoker as BlockingInvoker
from hardpoint.testing.conformance import FunctionConformance, FunctionSubject
from hardpoint.testing.conformance.faults import ROWS, Adapter, FaultConformance
from hardpoint.testing.conformance.served import driver_of, port_on, settings_of


class TestLambda(FunctionConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeLambda()
        with FakeServer(vendor) as server:
            yield FunctionSubject(
                mode,
                driver_of(vendor, mode.transport(), server.url),
                requests=lambda: server.requests,
                begun=lambda: vendor.begun,
            )


SPOKEN = [row for row in ROWS if not row.name.startswith("malformed")]
"""What a function returns is its own affair: no answer of it is malformed."""


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=FakeLambda,
        port=port_on(FakeLambda, FunctionInvoker),
        facade=BlockingInvoker,
        calls={"unkeyed": lambda port: port.invoke(1)},
        effects="run",
        refused=(lambda port: port.invoke("fail"), FunctionFailedError),
        bodiless=True,
    )

    @pytest.mark.parametrize("row", SPOKEN, ids=[row.name for row in SPOKEN])
    @pytest.mark.parametrize("kind", ["unkeyed"])
    def test_every_fault_ends_as_the_table_says(self, kind, row, mode):
        super().test_every_fault_ends_as_the_table_says(kind, row, mode)


@pytest.mark.parametrize(("repeatable", "runs"), [(True, 2), (False, 1)])
def test_a_run_in_doubt_is_repeated_only_where_that_does_no_harm(repeatable, runs):
    vendor, policy = (
        FakeLambda(),
        Policy("pack", timeout=5.0, retry=Retry(3, backoff=constant(0.01))),
    )
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        server.faults.next(commit_then_drop())
        connection = Connection("pack", BlockingRuntime(), policy=policy)
        driver = driver_of(vendor, transport, server.url)
        port = BlockingInvoker(FunctionInvoker(driver, connection))
        if repeatable:
            assert port.invoke(1, repeatable=True).json() == 1
        else:
            with pytest.raises(OutcomeUnknownError):
                port.invoke(1)
    assert vendor.ledger.count("run") == runs


@pytest.fixture
def function():
    """A function over replies that are given, on a policy."""

    def make(*replies, policy=None, **changes):
        options = {} if policy is None else {"policy": policy}
        driver = LambdaFunction(Scripted(*replies), settings_of(FakeLambda(), **changes))
        return BlockingInvoker(
            FunctionInvoker(driver, Connection("pack", BlockingRuntime(), **options))
        )

    return make


def reply(body=b"1", status=200, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=Headers.of(named), body=body)


def test_a_function_that_fails_is_no_outage():
    policy = Policy("pack", breaker=Breaker(failures=1))

    def fail(_):
        raise ValueError("no order")

    driver = MemoryFunction(fail)
    connection = Connection("pack", BlockingRuntime(), policy=policy)
    port = BlockingInvoker(FunctionInvoker(driver, connection))
    for _ in range(3):
        with pytest.raises(FunctionFailedError):
            port.invoke(1)
    assert driver.requests == 3


def test_a_failure_says_what_failed_and_no_private_number():
    vendor = FakeLambda()
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        driver = driver_of(vendor, transport, server.url)
        port = BlockingInvoker(FunctionInvoker(driver, Connection("pack", BlockingRuntime())))
        with pytest.raises(FunctionFailedError) as caught:
            port.invoke("fail")
    assert (caught.value.vendor_code, caught.value.request_id) == ("KeyError", "fake-000001")
    assert "KeyError: no order" in str(caught.value)
    assert "4242424242424242" not in str(caught.value)


def test_a_failure_without_words_is_one(function):
    with pytest.raises(FunctionFailedError) as caught:
        function(reply(b"<", x_amz_function_error="Unhandled")).invoke(1)
    assert caught.value.vendor_code == "Unhandled"


@pytest.mark.parametrize("told", [{}, {"x_amz_log_result": "not base64!"}])
def test_a_log_that_is_not_there_is_none(function, told):
    assert function(reply(**told)).invoke(1, log=True).log is None


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("TooManyRequestsException", 429, RateLimitedError),
        ("ThrottlingException", 503, RateLimitedError),
        ("EC2ThrottledException", 502, RateLimitedError),
        ("ResourceNotFoundException", 404, NotFoundError),
        ("KMSAccessDeniedException", 502, PermissionDeniedError),
    ],
)
def test_a_refusal_is_what_its_code_says(function, code, status, error):
    answer = FakeReply.json({"Message": "no"}, status)
    with pytest.raises(error) as caught:
        function(reply(answer.body, status, x_amzn_errortype=code)).invoke(1)
    assert (caught.value.vendor_code, caught.value.provider) == (code, "aws.lambda")


def test_a_version_is_asked_for_by_its_name():
    vendor = FakeLambda()
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        driver = driver_of(vendor, transport, server.url, qualifier="live")
        port = BlockingInvoker(FunctionInvoker(driver, Connection("pack", BlockingRuntime())))
        assert port.invoke(1).version == "live"
        other = driver_of(vendor, transport, server.url, function="other")
        connection = Connection("pack", BlockingRuntime())
        with pytest.raises(NotFoundError):
            BlockingInvoker(FunctionInvoker(other, connection)).invoke(1)
        with pytest.raises(RateLimitedError):
            port.invoke("throttle")


def test_the_official_client_works_with_the_fake():
    vendor = FakeLambda()
    with FakeServer(vendor) as server:
        client = boto3.client(
            "lambda",
            endpoint_url=server.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(retries={"total_max_attempts": 1}),
        )
        answer = client.invoke(FunctionName=FUNCTION, Payload=b'{"a": 1}', LogType="Tail")
        assert answer["Payload"].read() == b'{"a": 1}'
        assert client.invoke(FunctionName=FUNCTION, Payload=b'"fail"')["FunctionError"]
        begun = client.invoke(FunctionName=FUNCTION, Payload=b"1", InvocationType="Event")
        assert begun["StatusCode"] == 202
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke(FunctionName="other", Payload=b"1")
        client.close()
    assert vendor.begun == [b"1"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"function": ""}, "function"),
        ({"function": "../other"}, "function"),
        ({"qualifier": "a b"}, "qualifier"),
        ({"region": "evil/"}, "region"),
        ({"endpoint_url": "https://evil.example"}, "endpoint_url"),
        ({"endpoint_url": "https://lambda.eu-central-1.amazonaws.com/path"}, "endpoint_url"),
        ({"access_key_id": "ASIA1"}, "session_token"),
    ],
)
def test_what_cannot_work_is_named(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        settings_of(FakeLambda(), **changes)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("changes", "base_url"),
    [
        ({}, "https://lambda.eu-central-1.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://lambda.cn-north-1.amazonaws.com.cn"),
        ({"endpoint_url": "http://127.0.0.1:3001/"}, "http://127.0.0.1:3001"),
        (
            {"function": "arn:aws:lambda:eu-central-1:123456789012:function:pack"},
            "https://lambda.eu-central-1.amazonaws.com",
        ),
    ],
)
def test_what_can_work_is_taken(changes, base_url):
    assert settings_of(FakeLambda(), **changes).base_url == base_url


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("shape", [lambda n: n, lambda n: {"a": [1, n]}, lambda n: (n,)])
def test_a_number_that_json_does_not_know_is_refused(number, shape):
    driver = MemoryFunction(lambda payload: payload)
    port = BlockingInvoker(FunctionInvoker(driver, Connection("pack", BlockingRuntime())))
    with pytest.raises(InvalidRequestError) as caught:
        port.invoke(shape(number))
    assert (caught.value.field, driver.requests) == ("payload", 0)


def test_a_view_of_bytes_is_sent_as_bytes():
    driver = MemoryFunction(lambda payload: payload)
    port = BlockingInvoker(FunctionInvoker(driver, Connection("pack", BlockingRuntime())))
    assert port.invoke(memoryview(b'{"a": 1.5}')).json() == {"a": 1.5}
