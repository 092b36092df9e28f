"""The fake is as strict as the vendor."""

import pytest

from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
    ProviderError,
)
from hardpoint.fakes.messages import Received
from hardpoint.providers.aws.fake import FakeS3
from hardpoint.providers.aws.storage import PIECE_BYTES, S3Storage
from hardpoint.runtime.blocking import run
from hardpoint.storage.types import NewObject

NEW = NewObject(key="a", content_type="text/plain", metadata={"b": "c"})


@pytest.fixture
def driver(settings, transport):
    return S3Storage(transport, settings())


def send(driver, method, path, query=(), body=b"", *, headers=()):
    api = driver._api
    return run(api.send(method, f"{api._base}{path}", query=query, body=body, headers=headers))


def test_an_object_comes_and_goes(driver, vendor):
    stored = run(driver.put(NEW, b"hello"))
    assert run(driver.put(NEW, b"hello")) == stored
    run(driver.copy("a", "b/ü c"))
    info = run(driver.head("b/ü c"))
    assert (info.size, info.etag, info.metadata) == (5, stored.etag, {"b": "c"})
    page = run(driver.list_page(prefix="b", delimiter=None, cursor=None))
    assert [one.key for one in page.entries] == ["b/ü c"]
    run(driver.delete("a"))
    with pytest.raises(NotFoundError):
        run(driver.read("a", start=0, length=1, etag=None))
    assert vendor.ledger.count("object") == 2


def test_a_list_has_pages_and_folders(settings, transport):
    driver = S3Storage(transport, settings(), page=2)
    for key in ("a +/1", "b", "ü %", "z/1", "z/2"):
        run(driver.put(NewObject(key=key, content_type="text/plain"), b""))

    def pages(delimiter):
        cursor, found = None, []
        while True:
            page = run(driver.list_page(prefix="", delimiter=delimiter, cursor=cursor))
            found.append([getattr(one, "key", None) or one.prefix for one in page.entries])
            cursor = page.cursor
            if cursor is None:
                return found

    assert pages(None) == [["a +/1", "b"], ["z/1", "z/2"], ["ü %"]]
    assert pages("/") == [["a +/", "b"], ["z/", "ü %"]]


def test_a_list_in_plain_xml_is_not_imitated(driver):
    with pytest.raises(InvalidRequestError) as caught:
        send(driver, "GET", "", [("list-type", "2"), ("prefix", "")])
    assert caught.value.vendor_code == "InvalidArgument"


def test_a_replacement_needs_the_version(driver):
    stored = run(driver.put(NEW, b"hello"))
    for etag in ('"other"', stored.etag):
        changed = NewObject(key="a", content_type="text/plain", if_match=etag)
        if etag == stored.etag:
            run(driver.put(changed, b"more"))
        else:
            with pytest.raises(PreconditionFailedError):
                run(driver.put(changed, b"more"))
    with pytest.raises(PreconditionFailedError):
        run(driver.read("a", start=0, length=9, etag=stored.etag))
    missing = NewObject(key="b", content_type="text/plain", if_match='"e"')
    with pytest.raises(PreconditionFailedError):
        run(driver.put(missing, b""))


def test_an_upload_has_its_rules(driver, vendor):
    upload = run(driver.start_upload(NEW))
    small = run(driver.upload_piece(NEW, upload, 1, 0, b"small"))
    large = run(driver.upload_piece(NEW, upload, 2, 0, bytes(PIECE_BYTES)))
    for receipts, code in (
        ([small, large], "EntityTooSmall"),
        ([large], "InvalidPart"),
        ([small, large, large], "InvalidPart"),
    ):
        with pytest.raises(ProviderError) as caught:
            run(driver.finish_upload(NEW, upload, receipts, 0))
        assert caught.value.vendor_code == code
    body = b"<CompleteMultipartUpload>"
    for number, etag in ((2, large), (1, small)):
        body += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>".encode()
    with pytest.raises(InvalidRequestError) as caught:
        send(driver, "POST", "/a", [("uploadId", upload)], body + b"</CompleteMultipartUpload>")
    assert caught.value.vendor_code == "InvalidPartOrder"
    run(driver.abort_upload(NEW, upload))
    assert vendor.bucket.uploads == ()
    with pytest.raises(NotFoundError):
        run(driver.upload_piece(NEW, upload, 1, 0, b""))


@pytest.mark.rows
def test_who_is_not_known_gets_nothing(settings, transport, changes, expected):
    with pytest.raises(expected):
        run(S3Storage(transport, settings(**changes)).put(NEW, b""))


def test_a_clock_that_is_off_is_told(server, transport, settings):
    class Late:
        def now(self):
            return 1_000_000_000.0

    with pytest.raises(AuthenticationError) as caught:
        run(S3Storage(transport, settings(), Late()).put(NEW, b""))
    assert caught.value.vendor_code == "RequestTimeTooSkewed"


@pytest.mark.rows
def test_what_it_does_not_know_it_refuses(driver, method, path, headers):
    with pytest.raises(ProviderError):
        send(driver, method, path, headers=headers)


def test_what_is_not_signed_is_refused():
    request = Received(method="GET", target="/fake-bucket/a", headers={"host": "x"}, body=b"")
    vendor = FakeS3()
    assert vendor.answer(request).status == 403
    assert vendor.ledger.count("refusal", code="AccessDenied") == 1


def test_an_object_is_read_whole_without_a_range(driver, vendor):
    run(driver.put(NEW, b"hello"))
    assert send(driver, "GET", "/a").body == b"hello"
