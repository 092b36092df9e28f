"""The vendor's own library against the fake, which takes what it sends, and which it reads."""

import gzip
import io

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from hardpoint.core.errors import PreconditionFailedError
from hardpoint.providers.aws.fake import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY
from hardpoint.providers.aws.storage import PIECE_BYTES

PART = bytes(5 * 1024 * 1024)


def client(url, **changes):
    facts = {
        "endpoint_url": url,
        "region_name": REGION,
        "aws_access_key_id": ACCESS_KEY_ID,
        "aws_secret_access_key": SECRET_ACCESS_KEY,
        "config": Config(
            s3={"addressing_style": "path"}, signature_version="s3v4", retries={"max_attempts": 0}
        ),
    }
    return boto3.client("s3", **facts | changes)


@pytest.fixture
def sdk(server):
    made = client(server.url)
    yield made
    made.close()


def code_of(caught):
    return caught.value.response["Error"]["Code"]


def test_an_object_comes_is_read_copied_and_goes(sdk, store, vendor):
    sdk.put_object(
        Bucket=BUCKET, Key="a/ü +.txt", Body=b"hello", ContentType="text/plain", Metadata={"b": "c"}
    )
    found = sdk.get_object(Bucket=BUCKET, Key="a/ü +.txt")
    assert found["Body"].read() == b"hello"
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"b": "c"})
    head = sdk.head_object(Bucket=BUCKET, Key="a/ü +.txt")
    assert (head["ContentLength"], head["ETag"]) == (5, found["ETag"])
    part = sdk.get_object(Bucket=BUCKET, Key="a/ü +.txt", Range="bytes=1-2")
    assert (part["Body"].read(), part["ContentRange"]) == (b"el", "bytes 1-2/5")
    sdk.put_object(Bucket=BUCKET, Key="a/ü +.txt", Body=b"hello", Metadata={"b": "c"})
    assert vendor.ledger.count("object") == 1
    copied = sdk.copy_object(
        Bucket=BUCKET, Key="b", CopySource={"Bucket": BUCKET, "Key": "a/ü +.txt"}
    )
    assert copied["CopyObjectResult"]["ETag"] == found["ETag"]
    assert store().get("b").data == b"hello"
    sdk.delete_object(Bucket=BUCKET, Key="b")
    assert not store().exists("b")
    for call in (sdk.head_object, sdk.get_object):
        with pytest.raises(ClientError):
            call(Bucket=BUCKET, Key="b")


def test_conditions_are_kept(sdk):
    etag = sdk.put_object(Bucket=BUCKET, Key="a", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError) as caught:
            sdk.put_object(Bucket=BUCKET, Key="a", Body=b"2", **condition)
        assert code_of(caught) == "PreconditionFailed"
    sdk.put_object(Bucket=BUCKET, Key="a", Body=b"2", IfMatch=etag)
    with pytest.raises(ClientError) as caught:
        sdk.put_object(Bucket=BUCKET, Key="b", Body=b"", IfMatch=etag)
    assert code_of(caught) == "NoSuchKey"
    with pytest.raises(ClientError) as caught:
        sdk.get_object(Bucket=BUCKET, Key="a", IfMatch=etag)
    assert code_of(caught) == "PreconditionFailed"


def test_an_upload_goes_in_parts_or_is_aborted(sdk, store, vendor):
    name = {"Bucket": BUCKET, "Key": "big"}
    upload = sdk.create_multipart_upload(**name, ContentType="a/b")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": sdk.upload_part(**name, UploadId=upload, PartNumber=number, Body=data)["ETag"],
        }
        for number, data in ((1, PART), (2, b"end"))
    ]
    sdk.complete_multipart_upload(**name, UploadId=upload, MultipartUpload={"Parts": parts})
    assert store().get("big").data == PART + b"end"
    upload = sdk.create_multipart_upload(**name)["UploadId"]
    sdk.abort_multipart_upload(**name, UploadId=upload)
    assert vendor.bucket.uploads == ()


def test_files_go_up_and_down_by_its_own_manager(sdk, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(PART * 2 + b"end")
    sdk.upload_file(str(source), BUCKET, "big")
    sdk.download_file(BUCKET, "big", str(target))
    assert target.read_bytes() == source.read_bytes()


def test_a_list_has_pages_and_folders(sdk, store):
    keys = ["a b/1", "a b/2", "b+", "c", "ü%/x"]
    for key in keys:
        store().put(key, b"")
    pages = sdk.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, PaginationConfig={"PageSize": 2}
    )
    assert [one["Key"] for page in pages for one in page["Contents"]] == keys
    found = sdk.list_objects_v2(Bucket=BUCKET, Delimiter="/", Prefix="")
    assert [one["Prefix"] for one in found["CommonPrefixes"]] == ["a b/", "ü%/"]
    assert [one["Key"] for one in found["Contents"]] == ["b+", "c"]
    assert found["Contents"][0]["Size"] == 0
    assert found["KeyCount"] == 4


def test_its_signed_addresses_are_taken_and_so_are_ours(sdk, store, server):
    names = {"Bucket": BUCKET, "Key": "a ü"}
    theirs = {
        "PUT": sdk.generate_presigned_url("put_object", names),
        "GET": sdk.generate_presigned_url("get_object", names),
        "HEAD": sdk.generate_presigned_url("head_object", names),
        "DELETE": sdk.generate_presigned_url("delete_object", names),
    }
    ours = {method: store().sign_url("a ü", method=method) for method in theirs}
    for urls in (theirs, ours):
        assert httpx2.put(urls["PUT"], content=b"hello").status_code == 200
        assert httpx2.get(urls["GET"]).content == b"hello"
        assert httpx2.head(urls["HEAD"]).status_code == 200
        assert httpx2.delete(urls["DELETE"]).status_code == 204
        assert not store().exists("a ü")
        assert httpx2.put(urls["GET"], content=b"").status_code == 403


def test_forms_store_what_they_allow_and_nothing_else(sdk, store):
    theirs = sdk.generate_presigned_post(
        BUCKET,
        "form.txt",
        Fields={"Content-Type": "text/plain"},
        Conditions=[{"Content-Type": "text/plain"}, ["content-length-range", 1, 10]],
    )
    ours = store().sign_post("form.txt", size_min=1, size_max=10, content_type="text/plain")
    for url, fields in ((theirs["url"], theirs["fields"]), (ours.url, dict(ours.fields))):
        too_large = httpx2.post(url, data=fields, files={"file": ("a.txt", b"x" * 11)})
        assert "<Code>EntityTooLarge</Code>" in too_large.text
        assert list(store().list()) == []
        sent = httpx2.post(url, data=fields, files={"file": ("a.txt", b"hello")})
        assert sent.status_code == 204
        found = store().get("form.txt")
        assert (found.data, found.info.content_type) == (b"hello", "text/plain")
        store().delete("form.txt")


def test_a_form_that_is_none_is_refused(server):
    url = f"{server.url}/{BUCKET}"
    assert httpx2.post(url, content=b"x").status_code == 412
    assert httpx2.post(url, files={"other": ("a", b"x")}).status_code == 400


def test_what_was_stored_with_an_encoding_is_there_and_read_as_it_is(sdk, store, tmp_path):
    packed = gzip.compress(b"hello")
    sdk.put_object(Bucket=BUCKET, Key="a.gz", Body=packed, ContentEncoding="gzip")
    assert sdk.head_object(Bucket=BUCKET, Key="a.gz")["ContentEncoding"] == "gzip"
    assert store().exists("a.gz")
    assert store().head("a.gz").size == len(packed)
    assert store().get("a.gz").data == packed
    store().download("a.gz", tmp_path / "a.gz")
    assert (tmp_path / "a.gz").read_bytes() == packed


def test_metadata_may_be_empty(sdk, store):
    store().put("a", b"", metadata={"note": "", "order": "7"})
    assert store().head("a").metadata == {"note": "", "order": "7"}
    assert sdk.head_object(Bucket=BUCKET, Key="a")["Metadata"] == {"note": "", "order": "7"}
    sdk.put_object(Bucket=BUCKET, Key="b", Body=b"", Metadata={"note": ""})
    assert store().head("b").metadata == {"note": ""}
    store().upload("c", io.BytesIO(bytes(PIECE_BYTES + 1)), metadata={"note": ""})
    assert store().head("c").metadata == {"note": ""}


def test_two_versions_are_told_apart_by_what_the_library_replaced(sdk, store, server):
    store().put("a", b"first")
    etag = store().head("a").etag
    sdk.put_object(Bucket=BUCKET, Key="a", Body=b"other")
    with pytest.raises(PreconditionFailedError):
        store().put("a", b"mine", if_match=etag)
