"""Blobs beyond the suite: the vendor's own library both ways, its emulator, its words."""

import gzip
import os
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
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
from hardpoint.http.messages import Response, StreamedResponse
from hardpoint.providers.azure import AzureBlob, wire
from hardpoint.providers.azure.storage import PIECE_BYTES, AzureStorage
from hardpoint.runtime.blocking import run
from hardpoint.storage import NewObject, SignedUse
from hardpoint.storage.types import PostPolicy

from .conftest import ACCOUNT, KEY

KEYS = ["a b/ü+&=?#%", "~tilde*'()!", "日本/語.txt", "plus+and space", "=,;:@$"]


# The vendor's own library


@pytest.mark.parametrize("key", KEYS)
def test_what_we_put_the_vendors_library_reads(store, official, key):
    store().put(key, b"hello", content_type="text/plain", metadata={"order-id": "17", "a": "b"})
    blob = official.get_blob_client(key)
    found = blob.get_blob_properties()
    assert blob.download_blob().readall() == b"hello"
    assert found.content_settings.content_type == "text/plain"
    assert found.metadata == {"order_2did": "17", "a": "b"}


@pytest.mark.parametrize("key", KEYS)
def test_what_the_vendors_library_puts_we_read(store, official, key):
    official.upload_blob(key, b"hello", metadata={"OrderId": "17", "a_b": "c"})
    found = store().get(key)
    assert (found.data, found.info.metadata) == (b"hello", {"orderid": "17", "a_b": "c"})
    assert [one.key for one in store().list()] == [key]
    assert next(iter(store().list())).etag == found.info.etag


def test_large_files_go_both_ways(store, official, tmp_path):
    data, target = os.urandom(PIECE_BYTES + 1), tmp_path / "target"
    (tmp_path / "source").write_bytes(data)
    store().upload("ours", tmp_path / "source")
    assert official.download_blob("ours").readall() == data
    official.upload_blob("theirs", data)
    store().download("theirs", target)
    assert target.read_bytes() == data


def test_what_is_stored_encoded_comes_as_it_is(store, official):
    from azure.storage.blob import ContentSettings

    data = gzip.compress(b"hello" * 100)
    official.upload_blob("a", data, content_settings=ContentSettings(content_encoding="gzip"))
    assert store().get("a").data == data


def test_a_condition_is_the_same_for_both(store, official):
    first = store().put("a", b"1", if_absent=True)
    with pytest.raises(HttpResponseError):
        official.upload_blob("a", b"2")
    official.upload_blob("a", b"2", overwrite=True)
    with pytest.raises(PreconditionFailedError):
        store().put("a", b"3", if_match=first.etag)
    with pytest.raises(AlreadyExistsError):
        store().put("a", b"3", if_absent=True)


def test_a_deleted_blob_takes_its_snapshots_along(store, official):
    official.upload_blob("a", b"1")
    official.get_blob_client("a").create_snapshot()
    store().delete("a")
    store().delete("a")
    assert not store().exists("a")


def test_a_lease_of_somebody_elses_keeps_us_out(store, official):
    official.upload_blob("a", b"1")
    lease = official.get_blob_client("a").acquire_lease()
    with pytest.raises(ConflictError):
        store().put("a", b"2")
    lease.release()
    store().put("a", b"2")


@pytest.mark.parametrize("code", ["InvalidBlockList", "InvalidBlobOrBlock"])
def test_another_write_to_the_key_is_told_of_an_upload(code):
    """The emulator keeps blocks that the vendor itself throws away."""
    driver, transport = scripted(reply(201), refusal(400, code))
    upload = run(driver.start_upload(NEW))
    block = run(driver.upload_piece(NEW, upload, 1, 0, b"hello"))
    with pytest.raises(ConflictError):
        run(driver.finish_upload(NEW, upload, [block], 5))
    assert block.encode() in transport.requests[1].body
    run(driver.abort_upload(NEW, upload))
    assert len(transport.requests) == 2


# Proofs


def test_a_wrong_key_is_noticed(store):
    """That the others pass means something."""
    with pytest.raises((AuthenticationError, PermissionDeniedError)):
        store(account_key=Secret.value("d3Jvbmc=")).put("a", b"hello")


def test_a_container_that_is_not_there_is_told(store):
    with pytest.raises(NotFoundError) as caught:
        store(container="nothing-there").get("a")
    assert caught.value.status == 404
    with pytest.raises(NotFoundError):
        store(container="nothing-there").delete("a")


@pytest.fixture
def signature(official):
    """Makes one for the container."""

    def make(permissions):
        return Secret.value(
            "?"
            + generate_container_sas(
                ACCOUNT,
                official.container_name,
                account_key=KEY,
                permission=ContainerSasPermissions.from_string(permissions),
                expiry="2100-01-01T00:00:00Z",
            )
        )

    return make


def test_a_signature_proves_as_a_key_does(store, signature, tmp_path):
    shared = store(account_key=None, sas=signature("racwdl"))
    shared.put("a b", b"hello", metadata={"x": "y"})
    shared.copy("a b", "c")
    assert [one.key for one in shared.list()] == ["a b", "c"]
    assert shared.get("c").info.metadata == {"x": "y"}
    (tmp_path / "large").write_bytes(bytes(PIECE_BYTES + 1))
    shared.upload("large", tmp_path / "large")
    shared.delete("a b")
    assert not shared.exists("a b")


def test_a_signature_allows_what_it_says_and_signs_nothing_more(store, signature, settings):
    shared = store(account_key=None, sas=signature("r"))
    with pytest.raises(PermissionDeniedError):
        shared.put("a", b"hello")
    with pytest.raises(UnsupportedError):
        shared.sign_url("a")
    with pytest.raises(UnsupportedError):
        run(AzureStorage(None, settings(account_key=None, sas=signature("r"))).sign_url(USE, now=0))


USE = SignedUse(key="a")


def test_a_url_does_what_was_signed_for_it_and_nothing_else(store):
    files = store()
    files.put("a b/ü", b"hello")
    url = files.sign_url("a b/ü", filename="Füße.txt", cache_control="no-store")
    answer = httpx2.get(url)
    assert answer.content == b"hello"
    assert answer.headers["content-disposition"].endswith("UTF-8''F%C3%BC%C3%9Fe.txt")
    assert answer.headers["cache-control"] == "no-store"
    assert httpx2.delete(url).status_code == 403
    assert httpx2.get(url.replace("no-store", "max-age%3D9")).status_code == 403
    put = files.sign_url("new", method="PUT")
    sent = httpx2.put(put, content=b"posted", headers={"x-ms-blob-type": "BlockBlob"})
    assert sent.status_code == 201
    assert files.get("new").data == b"posted"
    assert httpx2.head(files.sign_url("new", method="HEAD")).status_code == 200
    assert httpx2.delete(files.sign_url("new", method="DELETE")).status_code == 202
    assert not files.exists("new")


def test_it_is_our_signature_that_the_vendors_library_makes(settings):
    from datetime import UTC, datetime

    from azure.storage.blob import generate_blob_sas

    driver, now = AzureStorage(None, settings()), 1_900_000_000
    said = {"disposition": 'attachment; filename="a"', "cache_control": "no-store"}
    url = run(driver.sign_url(SignedUse(key="a b", expires=60, **said), now=now))
    sent = dict(one.split("=", 1) for one in urlsplit(url).query.split("&"))
    theirs = generate_blob_sas(
        ACCOUNT,
        settings().container,
        "a b",
        account_key=KEY,
        permission="r",
        expiry=datetime.fromtimestamp(now + 60, UTC),
        content_disposition=said["disposition"],
        cache_control=said["cache_control"],
    )
    theirs = dict(one.split("=", 1) for one in theirs.split("&"))
    assert sent.keys() == theirs.keys()
    assert {name for name in sent if sent[name] != theirs[name]} == {"sig", "sv"}  # its version


# Keys and names


@pytest.mark.parametrize("key", ["a\\b", "a.", "a./b"])
def test_a_key_that_the_vendor_would_change_is_refused_before_any_request(settings, tmp_path, key):
    driver = AzureStorage(None, settings())
    new = NewObject(key=key, content_type="text/plain")
    for refused in (
        lambda: driver.put(new, b""),
        lambda: driver.start_upload(new),
        lambda: driver.copy("a", key),
        lambda: driver.sign_url(SignedUse(key=key, method="PUT"), now=0),
    ):
        with pytest.raises(InvalidRequestError):
            run(refused())


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]*", fullmatch=True))
def test_a_name_of_metadata_becomes_an_identifier_and_comes_back(name):
    written = wire.metadata_name(name)
    assert written.isidentifier()
    assert wire.own_name(written) == name


@given(st.text())
def test_a_name_that_others_have_written_is_read(name):
    assert isinstance(wire.own_name(name), str)


# What the vendor says


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
        reply = await self.send(request)

        async def pieces():
            yield reply.body

        yield StreamedResponse(reply.status, reply.headers, pieces())


def reply(status=200, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body)


def refusal(status, code):
    body = f"\ufeff<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>"
    return reply(status, body.encode())


def scripted(*replies):
    settings = AzureBlob(account="shop", container="files", account_key=Secret.value(KEY))
    transport = Scripted(*replies)
    return AzureStorage(transport, settings), transport


NEW = NewObject(key="a", content_type="text/plain")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "ServerBusy", RateLimitedError),
        (500, "InternalError", OutcomeUnknownError),
        (403, "AuthenticationFailed", AuthenticationError),
        (409, "ContainerBeingDeleted", UnavailableError),
        (400, "Md5Mismatch", UnavailableError),
    ],
)
def test_what_the_vendor_refuses_is_told_by_its_code(status, code, error):
    driver, transport = scripted(refusal(status, code))
    with pytest.raises(error) as caught:
        run(driver.put(NEW, b"x"))
    assert caught.value.vendor_code == code
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [("BlobNotFound", PreconditionFailedError), ("ContainerNotFound", NotFoundError)],
)
def test_a_version_that_is_gone_is_another_one(code, error):
    new = NewObject(key="a", content_type="text/plain", if_match='"1"')
    for call in (
        lambda driver: driver.put(new, b""),
        lambda driver: driver.finish_upload(new, "u", ["b"], 1),
    ):
        with pytest.raises(error):
            run(call(scripted(refusal(404, code))[0]))


GOOD = {"etag": '"1"', "last_modified": "Tue, 01 Dec 2026 12:00:00 GMT"}


async def forget(some):
    pass


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda driver: driver.put(NEW, b""), reply(201)),
        (lambda driver: driver.head("a"), reply(200, **GOOD)),
        (lambda driver: driver.head("a"), reply(200, content_length="1", etag='"1"')),
        (lambda driver: driver.read("a", start=0, length=9, etag=None), reply(200, b"x")),
        (
            lambda driver: driver.read("a", start=0, length=9, etag=None),
            reply(206, b"x", content_range="bytes 0-0/*", **GOOD),
        ),
        *(
            (lambda driver: driver.list_page(prefix="", delimiter=None, cursor=None), reply(200, b))
            for b in (
                b"",
                b"<Other/>",
                b"<EnumerationResults/>",
                b"<EnumerationResults><Blobs><Blob/></Blobs></EnumerationResults>",
                b"<EnumerationResults><Blobs><Blob><Properties/></Blob></Blobs></EnumerationResults>",
            )
        ),
    ],
)
def test_a_success_in_no_shape_we_know_is_told_as_such(call, answer):
    with pytest.raises(UnexpectedResponseError):
        run(call(scripted(answer)[0]))


def test_a_copy_that_is_not_done_at_once_is_asked_for_again():
    with pytest.raises(UnavailableError, match="being copied"):
        run(scripted(reply(202, x_ms_copy_status="pending"))[0].copy("a", "b"))


def test_a_range_that_is_not_there_is_a_refusal_unless_there_is_nothing():
    driver, _ = scripted(refusal(416, "InvalidRange"))
    with pytest.raises(UnexpectedResponseError):
        run(driver.download("a", start=9, length=1, etag=None, take=forget))


def test_there_are_no_forms(settings):
    policy = PostPolicy(key="a", size_min=0, size_max=1)
    with pytest.raises(UnsupportedError):
        run(AzureStorage(None, settings()).sign_post(policy, now=0, expires=1))


# Settings


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"account": "Shop"}, "account"),
        ({"container": "a--b"}, "container"),
        ({"container": "ab"}, "container"),
        ({"account_key": None}, "account_key"),
        ({"account_key": Secret.value("no base64")}, "account_key"),
        ({"credentials": "chain"}, "credentials"),
        ({"account_key": None, "sas": Secret.value("sv=1")}, "sas"),
        ({"client_id": "17"}, "client_id"),
        (
            {"account_key": None, "credentials": "chain", "client_secret": Secret.value("s")},
            "client_secret",
        ),
        ({"endpoint_url": "https://evil.example"}, "endpoint_url"),
        ({"endpoint_url": "https://other.blob.core.windows.net"}, "endpoint_url"),
        ({"endpoint_url": "https://shop.blob.core.windows.net/deep"}, "endpoint_url"),
        ({"endpoint_url": "https://shop.blob.core.windows.net?x"}, "endpoint_url"),
        ({"endpoint_url": "http://shop.blob.core.windows.net"}, "endpoint_url"),
    ],
)
def test_what_cannot_work_is_named(changes, key):
    facts = {"account": "shop", "container": "files", "account_key": Secret.value(KEY)}
    with pytest.raises(ConfigurationError) as caught:
        AzureBlob(**facts | changes)
    assert caught.value.key == key
    assert caught.value.fix


def test_another_cloud_is_another_address():
    url = "https://shop.blob.core.usgovcloudapi.net/"
    made = AzureBlob(
        account="shop", container="files", account_key=Secret.value(KEY), endpoint_url=url
    )
    assert made.base_url == url.rstrip("/")
    assert KEY not in repr(made)
