"""The fake is as strict as the vendor."""

import pytest

from hardpoint.core.errors import InvalidRequestError, NotFoundError, ProviderError
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
    url = f"{driver._base}{path}"
    return run(driver._api.send(method, url, query=query, body=body, headers=headers))


def test_a_list_in_plain_xml_is_not_imitated(driver):
    with pytest.raises(InvalidRequestError) as caught:
        send(driver, "GET", "", [("list-type", "2"), ("prefix", "")])
    assert caught.value.vendor_code == "InvalidArgument"


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
