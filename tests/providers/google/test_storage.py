"""Cloud Storage beyond the suite: the vendor's own library both ways, signatures, odd answers."""

import gzip
import json
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from google.cloud.storage._signing import generate_signed_url_v4
from msgspec.structs import replace

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Response, StreamedResponse
from hardpoint.providers.google.bucket import CloudStorage
from hardpoint.providers.google.fake import BUCKET, FakeStorage
from hardpoint.providers.google.fake_account import EMAIL
from hardpoint.providers.google.signing import AccountDocument, IamSigner, KeySigner
from hardpoint.providers.google.storage import PIECE_BYTES, UNIT_BYTES, GoogleStorage
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.storage import NewObject, SignedUse
from hardpoint.storage.api import ObjectStore
from hardpoint.storage.types import PostPolicy
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.served import settings_of

NOW = 1_900_000_000
STAMP = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
KEYS = ["a b/ü+&=?#%", "~tilde*'()!", "日本/語.txt", "plus+and space", "=,;:@$"]


# The vendor's own library


@pytest.mark.parametrize("key", KEYS)
def test_what_we_put_the_vendors_library_reads(store, official, key):
    store.put(key, b"hello", content_type="text/plain", metadata={"order-id": "17"})
    blob = official.get_blob(key)
    assert blob.download_as_bytes(retry=None) == b"hello"
    assert (blob.content_type, blob.metadata) == ("text/plain", {"order-id": "17"})
    assert [one.name for one in official.list_blobs()] == [key]


@pytest.mark.parametrize("key", KEYS)
def test_what_the_vendors_library_puts_we_read(store, official, key):
    blob = official.blob(key)
    blob.metadata = {"order-id": "17"}
    blob.upload_from_string(b"hello", content_type="text/plain", retry=None)
    found = store.get(key)
    assert (found.data, found.info.metadata) == (b"hello", {"order-id": "17"})
    assert found.info.etag == str(official.get_blob(key).generation)


@pytest.mark.parametrize("more", [0, 1, UNIT_BYTES, UNIT_BYTES + 1])
def test_large_files_go_both_ways(store, official, tmp_path, more):
    data, target = os.urandom(PIECE_BYTES + more), tmp_path / "target"
    (tmp_path / "source").write_bytes(data)
    store.upload("ours", tmp_path / "source")
    assert official.get_blob("ours").download_as_bytes(retry=None) == data
    blob = official.blob("theirs", chunk_size=4 * UNIT_BYTES)
    blob.upload_from_filename(tmp_path / "source", checksum="md5", retry=None)
    store.download("theirs", target)
    assert target.read_bytes() == data


def test_a_condition_is_the_same_for_both(store, official):
    first = store.put("a", b"1", if_absent=True)
    blob = official.blob("a")
    blob.upload_from_string(b"2", if_generation_match=int(first.etag), retry=None)
    with pytest.raises(PreconditionFailedError):
        store.put("a", b"3", if_match=first.etag)
    with pytest.raises(AlreadyExistsError):
        store.put("a", b"3", if_absent=True)


def test_what_is_stored_encoded_comes_as_it_is(store, official):
    data = gzip.compress(b"hello" * 100)
    blob = official.blob("a")
    blob.content_encoding = "gzip"
    blob.upload_from_string(data, retry=None)
    assert store.get("a").data == data


def test_a_version_that_was_replaced_while_it_was_read_is_told(driver, store):
    first = store.put("a", b"1")
    store.put("a", b"2")
    with pytest.raises(PreconditionFailedError):
        run(driver.download("a", start=0, length=1, etag=first.etag, take=forget))


def test_a_copy_that_is_not_done_at_once_goes_on(store):
    store.put("a", bytes(2000), metadata={"x": "y"})
    store.copy("a", "b")
    assert store.get("b").info.metadata == {"x": "y"}


# Tokens


def test_a_token_that_is_not_accepted_is_replaced_by_the_next_call(store, vendor):
    store.put("a", b"hello")
    vendor.account.expire()
    with pytest.raises(AuthenticationError):
        store.get("a")
    assert store.get("a").data == b"hello"


def test_another_key_gets_no_token(vendor, server):
    document = FakeStorage().account.document.replace("shop@", "other@")
    settings = CloudStorage(
        bucket=BUCKET, credentials=Secret.value(document), endpoint_url=server.url
    )
    with pytest.raises(AuthenticationError, match="no token"):
        run(GoogleStorage(None, settings).head("a"))


# Signatures


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("key", ["a", "a b/ü+~&=?#.txt"])
@pytest.mark.parametrize("said", [{}, {"content_type": "text/plain"}, {"disposition": "inline"}])
def test_a_url_is_signed_as_the_vendors_library_signs_it(vendor, account, method, key, said):
    from urllib.parse import quote

    settings = CloudStorage(bucket=BUCKET, credentials=Secret.value(vendor.account.document))
    url = run(
        GoogleStorage(None, settings).sign_url(
            SignedUse(key=key, method=method, expires=900, **said), now=NOW
        )
    )
    assert url == generate_signed_url_v4(
        account,
        f"/{BUCKET}/{quote(key, safe='/~')}",
        900,
        method=method,
        content_type=said.get("content_type"),
        response_disposition=said.get("disposition"),
        _request_timestamp=STAMP,
    )


def test_a_form_is_signed_as_the_vendors_library_signs_it(vendor, official, account, monkeypatch):
    from google.cloud.storage import client

    monkeypatch.setattr(client, "get_v4_now_dtstamps", lambda: (STAMP, STAMP[:8]))
    monkeypatch.setattr(client, "_NOW", lambda tz: datetime.fromtimestamp(NOW, tz))
    theirs = official.client.generate_signed_post_policy_v4(
        BUCKET,
        "a",
        timedelta(seconds=60),
        conditions=[["content-length-range", 0, 9], {"Content-Type": "text/plain"}],
        fields={"Content-Type": "text/plain"},
        credentials=account,
    )
    settings = CloudStorage(bucket=BUCKET, credentials=Secret.value(vendor.account.document))
    policy = PostPolicy(key="a", size_min=0, size_max=9, content_type="text/plain")
    ours = run(GoogleStorage(None, settings).sign_post(policy, now=NOW, expires=60))
    assert ours.url == f"https://storage.googleapis.com/{BUCKET}/"
    assert ours.fields.keys() == theirs["fields"].keys()
    changing = {"policy", "x-goog-signature"}
    same = {name: one for name, one in ours.fields.items() if name not in changing}
    assert same == {name: one for name, one in theirs["fields"].items() if name not in changing}


def test_a_browser_may_do_what_was_signed_for_it(store):
    store.put("a b/ü", b"hello")
    url = store.sign_url("a b/ü", filename="Füße.txt")
    answer = httpx2.get(url)
    assert answer.content == b"hello"
    assert answer.headers["content-disposition"].endswith("UTF-8''F%C3%BC%C3%9Fe.txt")
    assert httpx2.delete(url).status_code == 403
    assert httpx2.get(url.replace("attachment", "inline")).status_code == 403
    put = store.sign_url("new", method="PUT", content_type="text/plain")
    assert httpx2.put(put, content=b"x").status_code == 403
    kind = {"content-type": "text/plain"}
    assert httpx2.put(put, content=b"posted", headers=kind).status_code == 200
    assert httpx2.head(store.sign_url("new", method="HEAD")).status_code == 200
    assert httpx2.delete(store.sign_url("new", method="DELETE")).status_code == 204
    form = store.sign_post("form", size_max=9, content_type="text/plain")
    sent = httpx2.post(form.url, data=dict(form.fields), files={"file": b"posted"})
    assert (sent.status_code, store.get("form").data) == (204, b"posted")
    large = httpx2.post(form.url, data=dict(form.fields), files={"file": b"0123456789"})
    assert large.status_code == 400
    other = {**form.fields, "key": "other"}
    assert httpx2.post(form.url, data=other, files={"file": b"x"}).status_code == 403


def reply(status=200, document=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"" if document is None else json.dumps(document).encode()
    return Response(status=status, headers=named, body=body)


class Scripted:
    """A transport that answers what it is told to, and keeps what it was asked."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        return self.replies.pop(0)

    @asynccontextmanager
    async def stream(self, request, **options):
        answer = await self.send(request)

        async def pieces():
            yield answer.body

        yield StreamedResponse(answer.status, answer.headers, pieces())


def scripted(*replies, **settings):
    transport = Scripted(*replies)
    facts = {"bucket": "shop", "endpoint_url": "http://127.0.0.1:1"} | settings
    return GoogleStorage(transport, CloudStorage(**facts)), transport


def test_the_vendor_signs_where_there_is_no_key():
    driver, transport = scripted(reply(200, {"signedBlob": "c2ln"}), signer=EMAIL)
    url = run(driver.sign_url(SignedUse(key="a"), now=NOW))
    assert url.endswith(f"&X-Goog-Signature={b'sig'.hex()}")
    assert EMAIL.replace("@", "%40") in url
    (request,) = transport.requests
    assert request.url.startswith("https://iamcredentials.googleapis.com/v1/projects/-/")
    assert request.url.endswith(":signBlob")
    assert isinstance(driver._signer._signer, IamSigner)


def test_without_anybody_who_signs_nothing_is_signed():
    driver, transport = scripted()
    policy = PostPolicy(key="a", size_min=0, size_max=1)
    for call in (
        lambda: driver.sign_url(SignedUse(key="a"), now=0),
        lambda: driver.sign_post(policy, now=0, expires=1),
    ):
        with pytest.raises(UnsupportedError, match="set signer"):
            run(call())
    assert (transport.requests, driver.capabilities.flags) == ([], frozenset())


@pytest.mark.parametrize("text", ["{}", '{"client_email": "a", "private_key": "none"}'])
def test_a_document_without_a_key_names_what_to_do(text):
    with pytest.raises(ConfigurationError, match="signer"):
        run(KeySigner(Secret.value(text)).sign(b""))


def test_what_signs_is_not_shown(vendor):
    document = AccountDocument(client_email="a", private_key="hush")
    assert repr(document) == "AccountDocument(****)"


# What the vendor says

NEW = NewObject(key="a", content_type="text/plain")
FACTS = {"name": "a", "generation": "1", "size": "1", "updated": "2026-12-01T12:00:00Z"}


def refused(status, reason):
    return reply(status, {"error": {"message": "m", "errors": [{"reason": reason}]}})


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (refused(403, "rateLimitExceeded"), RateLimitedError, "rateLimitExceeded"),
        (refused(403, "forbidden"), PermissionDeniedError, "forbidden"),
        (refused(503, "backendError"), OutcomeUnknownError, "backendError"),
        (reply(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}), RateLimitedError, None),
        (reply(400, {"error": "invalid_request"}), InvalidRequestError, None),
        (reply(502), OutcomeUnknownError, None),
    ],
)
def test_what_the_vendor_refuses_is_told_by_its_reason(answer, error, code):
    driver, transport = scripted(answer)
    with pytest.raises(error) as caught:
        run(driver.put(NEW, b"x"))
    assert code is None or caught.value.vendor_code == code
    assert len(transport.requests) == 1


async def forget(some):
    pass


@pytest.mark.parametrize(
    ("call", "answers"),
    [
        (lambda driver: driver.put(NEW, b""), [reply(200)]),
        (lambda driver: driver.head("a"), [reply(200, FACTS | {"size": "many"})]),
        (lambda driver: driver.start_upload(NEW), [reply(200)]),
        (
            lambda driver: driver.start_upload(NEW),
            [reply(200, location="https://evil.example/upload")],
        ),
        (
            lambda driver: driver.download("a", start=1, length=1, etag="1", take=forget),
            [reply(206)],
        ),
        (
            lambda driver: driver.download("a", start=1, length=1, etag="1", take=forget),
            [reply(206, content_range="bytes 1-1/9", x_goog_generation="none")],
        ),
    ],
)
def test_a_success_in_no_shape_we_know_is_told_as_such(call, answers):
    with pytest.raises(UnexpectedResponseError):
        run(call(scripted(*answers)[0]))


@pytest.mark.parametrize("kept", [{}, {"range": "bytes=0-9"}])
def test_a_piece_that_was_kept_in_part_is_sent_again(kept):
    driver, _ = scripted(reply(308, **kept))
    with pytest.raises(UnavailableError, match="only some"):
        run(driver.upload_piece(NEW, "http://127.0.0.1:1/u", 1, 0, bytes(UNIT_BYTES)))


def test_a_copy_has_an_end():
    class Endless(Scripted):
        async def send(self, request):
            return reply(200, {"done": False, "rewriteToken": "more"})

    settings = CloudStorage(bucket="shop", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="being copied"):
        run(GoogleStorage(Endless(), settings).copy("a", "b"))


def test_a_version_of_another_provider_is_refused_before_any_request():
    driver, transport = scripted()
    new = NewObject(key="a", content_type="text/plain", if_match='"etag"')
    with pytest.raises(InvalidRequestError) as caught:
        run(driver.put(new, b""))
    assert (caught.value.field, transport.requests) == ("if_match", [])


def test_an_upload_that_is_over_is_forgotten(vendor, driver):
    upload = run(driver.start_upload(NEW))
    run(driver.abort_upload(NEW, upload))
    run(driver.abort_upload(NEW, upload))
    with pytest.raises(NotFoundError):
        run(driver.finish_upload(NEW, upload, [""], 0))
    assert vendor.bucket.uploads == ()


def test_a_piece_whose_answer_was_lost_may_be_sent_again(driver, store, vendor):
    piece = os.urandom(UNIT_BYTES)
    upload = run(driver.start_upload(NEW))
    for _ in range(2):
        rest = run(driver.upload_piece(NEW, upload, 1, 0, piece + b"end"))
    for _ in range(2):
        run(driver.finish_upload(NEW, upload, [rest], UNIT_BYTES + 3))
    assert store.get("a").data == piece + b"end"
    assert [one.facts["size"] for one in vendor.ledger.entries("object")] == [UNIT_BYTES + 3]


class Damaging:
    """The transport, on which one piece is damaged; `deaf` where the vendor is told no hash."""

    def __init__(self, inner, deaf):
        self.inner = inner
        self.deaf = deaf

    async def send(self, request):
        body, headers = request.body, request.headers
        if dict(headers).get("content-range", "").startswith("bytes 0-"):
            body = b"\xff" + body[1:]
        if self.deaf:
            headers = [one for one in headers if one[0] != "x-goog-hash"]
        return await self.inner.send(replace(request, body=body, headers=headers))

    def stream(self, request, **options):
        return self.inner.stream(request, **options)


@pytest.mark.parametrize(
    ("deaf", "error"), [(False, InvalidRequestError), (True, UnexpectedResponseError)]
)
def test_bytes_that_were_damaged_on_their_way_are_noticed(vendor, server, tmp_path, deaf, error):
    (tmp_path / "source").write_bytes(bytes(PIECE_BYTES + 1))
    with BlockingTransport() as transport:
        settings = settings_of(vendor, endpoint_url=server.url)
        driver = GoogleStorage(Damaging(transport, deaf), settings)
        store = BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))
        with pytest.raises(error) as caught:
            store.upload("a", tmp_path / "source")
        assert caught.value.outcome_known
        if not deaf:
            with pytest.raises(NotFoundError):
                store.head("a")
    assert driver._hashes == {}


def test_what_is_remembered_of_uploads_is_bounded(driver, store, monkeypatch):
    monkeypatch.setattr("hardpoint.providers.google.storage._HASHES_MOST", 1)
    uploads = [run(driver.start_upload(NEW)) for _ in range(3)]
    assert [*driver._hashes] == uploads[-1:]
    rest = run(driver.upload_piece(NEW, uploads[0], 1, 0, b"end"))
    run(driver.finish_upload(NEW, uploads[0], [rest], 3))
    assert store.get("a").data == b"end"


# Settings


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bucket": "Shop"}, "bucket"),
        ({"bucket": "a..b"}, "bucket"),
        ({"signer": "nobody"}, "signer"),
        ({"credentials": None}, "credentials"),
        ({"endpoint_url": "https://storage.googleapis.com"}, "endpoint_url"),
        ({"endpoint_url": "http://127.0.0.1:1/deep"}, "endpoint_url"),
    ],
)
def test_what_cannot_work_is_named(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        CloudStorage(**{"bucket": "shop", "credentials": "chain"} | changes)
    assert caught.value.key == key
    assert caught.value.fix
