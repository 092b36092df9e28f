"""S3 on the wire: what faults become, and what the answers must look like."""

import pytest

from hardpoint import Policy, Retry, constant
from hardpoint.core.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import Fault, commit_then_drop, status
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.messages import Response
from hardpoint.providers.aws.storage import PIECE_BYTES, S3Storage
from hardpoint.runtime.blocking import run
from hardpoint.storage.types import NewObject, PostPolicy

NEW = NewObject(key="a", content_type="text/plain")
BIG = bytes(PIECE_BYTES + 1)


def thrice():
    return Policy("s3", timeout=5, retry=Retry(3, backoff=constant(0), throttled=constant(0)))


def error(code, number, *headers):
    body = f"<Error><Code>{code}</Code><Message>said secret-word</Message></Error>".encode()
    return status(number, body=body, headers=headers)


def document(text, number=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=number, headers=names, body=text.encode())


def ask(driver, call, named):
    """A call of the driver, as a row names it."""
    name, *arguments = call
    return getattr(driver, name)(*(NEW if one == "NEW" else one for one in arguments), **named)


# Faults


@pytest.mark.rows
def test_an_error_of_a_read_is_told_by_its_code(server, store, code, number, expected):
    server.faults.next(error(code, number))
    with pytest.raises(expected) as caught:
        store().get("a")
    assert type(caught.value) is expected
    assert caught.value.vendor_code == code
    assert caught.value.status == number
    assert caught.value.provider == "aws"


def test_a_request_id_and_a_delay_are_passed_on(server, store):
    server.faults.next(error("SlowDown", 503, ("retry-after", "7"), ("x-amz-request-id", "R1")))
    with pytest.raises(RateLimitedError) as caught:
        store().put("a", b"")
    assert (caught.value.retry_after, caught.value.request_id) == (7.0, "R1")


def test_what_may_have_been_stored_is_not_known(server, store):
    server.faults.next(commit_then_drop())
    with pytest.raises(OutcomeUnknownError):
        store().put("a", b"hello")
    assert store().get("a").data == b"hello"


def test_a_bucket_that_is_not_there_is_told(store):
    with pytest.raises(NotFoundError) as caught:
        store(bucket="another-bucket").put("a", b"hello")
    assert caught.value.vendor_code == "NoSuchBucket"


def test_a_head_has_no_code_and_its_status_decides(server, store):
    server.faults.next(Fault(acts=False, reply=FakeReply(status=403)))
    with pytest.raises(PermissionDeniedError):
        store().exists("a")


def test_no_secret_is_told_where_the_vendor_repeats_it(server, store):
    server.faults.next(error("AccessDenied", 403))
    with pytest.raises(PermissionDeniedError) as caught:
        store(
            access_key_id="ASIAFAKE",
            secret_access_key=Secret.value("other"),
            session_token=Secret.value("secret-word"),
        ).put("a", b"")
    assert "secret-word" not in str(caught.value)
    assert "****" in str(caught.value)


# A write whose answer was lost, and that is done again


@pytest.mark.parametrize("data", [b"hello", BIG])
def test_a_first_write_does_not_trip_over_itself(vendor, server, store, data):
    server.faults.next(commit_then_drop(), on="PUT *" if len(data) < 10 else "POST */a")
    if data is BIG:  # let the upload begin
        server.faults.clear()
        server.faults.next(Fault(), on="POST */a")
        server.faults.next(commit_then_drop(), on="POST */a")
    info = store(thrice()).put("a", data, if_absent=True, metadata={"order": "17"})
    assert (info.size, info.metadata) == (len(data), {"order": "17"})
    assert vendor.ledger.count("object") == 1
    assert vendor.bucket.uploads == ()
    with pytest.raises(AlreadyExistsError):
        store(thrice()).put("a", data, if_absent=True)


def test_a_replacement_does_not_trip_over_itself(server, store):
    first = store().put("a", b"first")
    server.faults.next(commit_then_drop(), on="PUT *")
    second = store(thrice()).put("a", b"second", if_match=first.etag)
    assert store().head("a").etag == second.etag


def test_what_is_not_there_is_no_version_to_replace(store):
    with pytest.raises(PreconditionFailedError):
        store().put("a", b"second", if_match='"e"')


def test_two_that_claim_a_key_with_the_same_bytes_do_not_both_have_it(server, store):
    store().put("lock", b"", if_absent=True)
    server.faults.next(status(500), on="PUT *")
    with pytest.raises(AlreadyExistsError):
        store(thrice()).put("lock", b"", if_absent=True)


def test_what_is_in_doubt_and_cannot_be_looked_at_stays_in_doubt(server, store):
    server.faults.next(commit_then_drop(), on="PUT *")
    server.faults.next(status(500), times=9, on="HEAD *")
    with pytest.raises(OutcomeUnknownError):
        store(thrice()).put("a", b"hello", if_absent=True)


def test_an_upload_that_was_finished_unheard_is_finished(vendor, server, store):
    server.faults.next(Fault(), on="POST */a")
    server.faults.next(commit_then_drop(), on="POST */a")
    assert store(thrice()).put("a", BIG).size == len(BIG)
    assert vendor.ledger.count("object") == 1


def test_a_write_in_conflict_with_another_is_tried_again(server, store):
    server.faults.next(error("ConditionalRequestConflict", 409))
    store(thrice()).put("a", b"", if_absent=True)
    server.faults.next(Fault(), on="POST */b")
    server.faults.next(error("ConditionalRequestConflict", 409), on="POST */b")
    with pytest.raises(ConflictError, match="upload it again"):
        store(thrice()).put("b", BIG, if_absent=True)


def test_a_large_object_that_fails_leaves_nothing(vendor, server, store):
    server.faults.next(error("AccessDenied", 403), on="PUT */a")
    with pytest.raises(PermissionDeniedError):
        store().put("a", BIG)
    assert vendor.bucket.uploads == ()
    assert not store().exists("a")


def test_a_piece_is_sent_again_on_its_own(vendor, server, store):
    server.faults.next(status(500), on="PUT */a")
    before = server.requests
    store(thrice()).put("a", BIG)
    assert server.requests - before == 5
    assert store().get("a").data == BIG


def test_a_read_is_of_one_version(server, store):
    store().put("a", BIG)
    server.faults.next(Fault(), on="GET *")
    server.faults.next(error("PreconditionFailed", 412), on="GET *")
    with pytest.raises(PreconditionFailedError):
        store().get("a")


# Answers in no shape we know: never taken for a success


@pytest.mark.rows
def test_an_answer_in_no_shape_we_know_is_no_success(scripted, call, named, headers, body):
    driver, _, run = scripted(document(body, **headers))
    with pytest.raises(UnexpectedResponseError) as caught:
        run(ask(driver, call, named))
    assert not caught.value.outcome_known


@pytest.mark.rows
def test_an_error_may_come_with_200(scripted, call, named):
    driver, _, run = scripted(document("<Error><Code>InternalError</Code></Error>"))
    with pytest.raises(OutcomeUnknownError):
        run(ask(driver, call, named))


def test_an_upload_that_is_gone_needs_no_abort(scripted):
    gone = document("<Error><Code>NoSuchUpload</Code></Error>", 404)
    driver, transport, run = scripted(gone)
    assert run(driver.abort_upload(NEW, "u")) is None
    assert transport.requests[0].method == "DELETE"


def test_a_small_object_may_come_without_a_range(scripted):
    whole = document("hello", etag='"e"', last_modified="Wed, 21 Oct 2015 07:28:00 GMT")
    driver, _, run = scripted(whole)
    piece = run(driver.read("a", start=0, length=9, etag=None))
    assert (piece.data, piece.info.size) == (b"hello", 5)


def test_a_range_beyond_the_end_is_refused(store, server):
    store().put("a", b"")
    assert store().get("a").data == b""
    driver = store().asynchronous.driver
    with pytest.raises(UnexpectedResponseError):
        run(driver.read("a", start=5, length=5, etag=None))


def test_all_bytes_of_an_object_are_wanted_as_they_were_stored(scripted):
    driver, transport, run = scripted(document("<Error/>", 500))
    with pytest.raises(OutcomeUnknownError):
        run(driver.read("a", start=0, length=1, etag=None))
    assert transport.requests[0].url.endswith("/a?response-content-encoding=identity")


def test_names_that_came_without_an_encoding_are_taken_as_they_are(scripted):
    entry = "<Key>100%25 a+b</Key><Size>1</Size><LastModified>2026-11-28T12:00:00Z</LastModified>"
    text = f"<ListBucketResult><Contents>{entry}</Contents></ListBucketResult>"
    driver, _, run = scripted(document(text))
    page = run(driver.list_page(prefix="", delimiter=None, cursor=None))
    assert [one.key for one in page.entries] == ["100%25 a+b"]


def test_blanks_around_a_key_are_part_of_it(scripted):
    entry = "<Key>{}</Key><Size>1</Size><LastModified>2026-11-28T12:00:00Z</LastModified>"
    entries = "".join(f"<Contents>{entry.format(key)}</Contents>" for key in ("  led", "trailed "))
    folder = "<CommonPrefixes><Prefix> a/</Prefix></CommonPrefixes>"
    text = f"<ListBucketResult>{entries}{folder}</ListBucketResult>"
    driver, _, run = scripted(document(text))
    page = run(driver.list_page(prefix="", delimiter=None, cursor=None))
    named = [getattr(one, "key", None) or one.prefix for one in page.entries]
    assert named == ["  led", " a/", "trailed "]


def test_a_bucket_by_its_own_host_is_listed_at_its_root(settings):
    driver = S3Storage(None, settings(endpoint_url=None))
    post = run(driver.sign_post(PostPolicy(key="a", size_min=0, size_max=1), now=0, expires=1))
    assert post.url == "https://fake-bucket.s3.eu-central-1.amazonaws.com/"
