"""boto3 as it is: its own exceptions, exact counts, the same client token in every attempt."""

import io
import logging

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from hardpoint import CircuitOpenError, OutcomeUnknownError, Policy, Retry, reason_of
from hardpoint.integrations.botocore import guard

from .conftest import OK, RESET, SILENCE, answer


@pytest.fixture
def made(peer, policy):
    """Makes a client under a policy."""
    clients = []

    def make(service, under=None, **options):
        config = Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **options
        )
        client = boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=peer.url,
            aws_access_key_id="AKIA",
            aws_secret_access_key="secret",
            config=config,
        )
        clients.append(client)
        return guard(client, under or policy)

    yield make
    for one in clients:
        one.close()


def test_a_put_survives_what_passes(made, peer):
    s3 = made("s3")
    peer.tells(503, 503, answer(200, etag='"x"'))
    s3.put_object(Bucket="b", Key="k", Body=b"content")
    assert peer.sent == 3
    peer.tells(RESET, answer(200, etag='"x"'))
    s3.put_object(Bucket="b", Key="k", Body=b"content")
    assert peer.sent == 2


def test_a_file_is_sent_again_from_where_it_began(made, peer):
    s3 = made("s3", request_checksum_calculation="when_required")
    peer.tells(503, answer(200, etag='"x"'))
    file = io.BytesIO(b"skipped, sent")
    file.seek(9)
    s3.put_object(Bucket="b", Key="k", Body=file)
    assert [one.body for one in peer.asked] == [b"sent", b"sent"]


def test_a_file_with_a_checksum_behind_it_too(made, peer):
    s3 = made("s3")
    peer.tells(503, answer(200, etag='"x"'))
    s3.put_object(Bucket="b", Key="k", Body=io.BytesIO(b"content"))
    assert peer.sent == 2
    assert b"content" in peer.asked[1].body


def test_an_object_is_handed_on_as_a_stream(made, peer):
    s3 = made("s3")
    peer.tells(503, answer(200, b"content"))
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"content"


def test_an_answer_is_botocores_to_judge(made, peer):
    s3 = made("s3")
    peer.tells(answer(404, b"<Error><Code>NoSuchKey</Code></Error>", content_type="text/xml"))
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="b", Key="k")
    assert peer.sent == 1
    peer.tells(503)
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="b", Key="k")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert peer.sent == 3


def test_an_open_circuit_is_an_error_of_both(made, peer, policy):
    policy.breaker.force_open()
    with pytest.raises(HTTPClientError) as raised:
        made("s3").put_object(Bucket="b", Key="k", Body=b"")
    assert isinstance(raised.value, CircuitOpenError)
    assert peer.sent == 0


def test_a_lost_answer_to_an_action_is_in_doubt(made, peer):
    peer.tells(RESET, OK)
    with pytest.raises(ConnectionClosedError) as raised:
        made("sqs").send_message(QueueUrl=f"{peer.url}/q", MessageBody="x")
    assert isinstance(reason_of(raised.value), OutcomeUnknownError)
    assert reason_of(raised.value).operation == "SendMessage"
    assert peer.sent == 1


def test_what_is_named_as_reading_is_taken_for_it(made, peer):
    peer.tells(RESET, answer(200, {"Attributes": {}}))
    sqs = made("sqs")
    sqs.get_queue_attributes(QueueUrl=f"{peer.url}/q")
    sqs.get_queue_attributes(QueueUrl=f"{peer.url}/q")
    assert peer.sent == 3


def test_what_carries_a_token_of_the_clients_is_repeated(made, peer):
    peer.tells(RESET, 503, answer(200, {}))
    item = {"Delete": {"TableName": "t", "Key": {"id": {"S": "1"}}}}
    made("dynamodb").transact_write_items(TransactItems=[item])
    assert peer.sent == 3
    assert len({one.body for one in peer.asked}) == 1


def test_an_attempt_ends_by_the_policys_timeout(made, peer):
    peer.tells(SILENCE)
    policy = Policy("aws", timeout=0.2, retry=Retry(2, backoff=0), deadline=20)
    with pytest.raises(HTTPClientError):
        made("s3", policy).get_object(Bucket="b", Key="k")
    assert peer.sent == 2


@pytest.mark.parametrize("timeout", [None, 600])
def test_a_call_is_over_before_its_signature_is(made, peer, timeout):
    policy = Policy("aws", timeout=timeout, retry=Retry(9, backoff=700), deadline=3600)
    peer.tells(503)
    with pytest.raises(ClientError):
        made("s3", policy).get_object(Bucket="b", Key="k")
    assert peer.sent == 1


def test_its_own_retries_are_told_of(peer, policy, caplog):
    client = boto3.client(
        "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    with caplog.at_level(logging.WARNING, "hardpoint"):
        guard(client, policy)
    client.close()
    assert [one.event for one in caplog.records] == ["retries_beneath"]
    assert "total_max_attempts" in caplog.text


def test_another_policy_takes_the_place_of_the_first(made, peer, policy):
    s3 = made("s3")
    assert guard(s3, Policy("other", retry=Retry(2, backoff=0), deadline=60)) is s3
    peer.tells(503)
    with pytest.raises(ClientError):
        s3.get_object(Bucket="b", Key="k")
    assert peer.sent == 2
    assert policy.stats().attempts_failed == 0
