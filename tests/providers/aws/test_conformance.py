"""S3 on a moto server, held to what every driver of storage must do, in both modes."""

import boto3
import httpx2
import pytest
from botocore.config import Config

from hardpoint.core.secrets import Secret
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

ACCESS_KEY = "AKIAFAKE"
SECRET = "fake-secret"
PAGE = 4


class CountedTransport:
    """A transport that counts what goes through it."""

    def __init__(self, transport):
        self._transport = transport
        self.count = 0

    async def send(self, request):
        self.count += 1
        return await self._transport.send(request)

    def stream(self, request, **options):
        self.count += 1
        return self._transport.stream(request, **options)


@pytest.fixture
def official(moto_url):
    """The vendor's own client, on a bucket that is empty."""
    client = boto3.client(
        "s3",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket="shop-files")
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="shop-files"):
        for one in page.get("Contents", ()):
            client.delete_object(Bucket="shop-files", Key=one["Key"])
    client.delete_bucket(Bucket="shop-files")
    client.close()


class TestS3(StorageConformance):
    @pytest.fixture
    def subject(self, mode, tmp_path, moto_url, official):
        settings = S3(
            bucket="shop-files",
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=Secret.value(SECRET),
            endpoint_url=moto_url,
        )
        transport = CountedTransport(mode.transport())
        return StorageSubject(
            mode,
            S3Storage(transport, settings, page=PAGE),
            requests=lambda: transport.count,
            folder=tmp_path,
            page=PAGE,
            unfinished=lambda: len(
                official.list_multipart_uploads(Bucket="shop-files").get("Uploads", ())
            ),
        )

    def test_what_the_official_client_stores_is_read(self, subject, official):
        official.put_object(
            Bucket="shop-files",
            Key="theirs/ü",
            Body=b"hello",
            ContentType="text/plain",
            ContentEncoding="gzip",
            Metadata={"order": "17"},
        )
        found = subject.do(subject.port.get("theirs/ü"))
        assert (found.data, found.info.content_type) == (b"hello", "text/plain")
        assert found.info.metadata == {"order": "17"}
        (listed,) = subject.items(subject.port.list("theirs/"))
        assert (listed.key, listed.etag) == ("theirs/ü", found.info.etag)

    def test_a_browser_may_do_what_was_signed_for_it(self, subject):
        sign_url, kind = subject.port.sign_url, {"content-type": "text/plain"}
        url = subject.do(sign_url("a b/ü", method="PUT", content_type="text/plain"))
        assert httpx2.put(url, content=b"hello", headers=kind).status_code == 200
        answer = httpx2.get(subject.do(sign_url("a b/ü")))
        assert (answer.content, answer.headers["content-type"]) == (b"hello", "text/plain")
        form = subject.do(subject.port.sign_post("form", size_max=9, content_type="text/plain"))
        sent = httpx2.post(form.url, data=dict(form.fields), files={"file": b"posted"})
        assert sent.status_code == 204
        assert subject.get("form") == b"posted"
        assert httpx2.delete(subject.do(sign_url("form", method="DELETE"))).status_code == 204
        assert subject.keys() == ["a b/ü"]

    def test_the_official_client_reads_what_is_stored(self, subject, official):
        subject.put("ours/ü", b"hello", content_type="text/plain", metadata={"order": "17"})
        found = official.get_object(Bucket="shop-files", Key="ours/ü")
        assert (found["Body"].read(), found["ContentType"]) == (b"hello", "text/plain")
        assert found["Metadata"] == {"order": "17"}
        data = bytes(2 * subject.piece_bytes + 1)
        subject.do(subject.port.upload("ours/big", subject.file(data)))
        assert official.get_object(Bucket="shop-files", Key="ours/big")["Body"].read() == data
