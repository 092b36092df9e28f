"""S3 on SeaweedFS, which recomputes each signature: the public suite, both modes, signed URLs."""

import httpx2
import pytest

from hardpoint.core.errors import AuthenticationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.testing.conformance.storage import _KEYS as NAMES
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

ACCESS_KEY = "AKIAFAKE"
SECRET_KEY = "fake-secret"
PAGE = 4
KEYS = ["a b/ü+&=?#%", "~tilde*'()!", "日本/語.txt", "plus+and space", "=,;:@$"]


class Counted:
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
def make(mode, tmp_path, bucket):
    """Makes a subject, with the right key unless another is given."""
    url, name, official = bucket

    def make(secret=SECRET_KEY):
        settings = S3(
            bucket=name,
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=Secret.value(secret),
            endpoint_url=url,
        )
        transport = Counted(mode.transport())
        return StorageSubject(
            mode,
            S3Storage(transport, settings, page=PAGE),
            requests=lambda: transport.count,
            folder=tmp_path,
            page=PAGE,
            unfinished=lambda: len(official.list_multipart_uploads(Bucket=name).get("Uploads", ())),
        )

    return make


class TestSeaweedFS(StorageConformance):
    # It keeps keys as files in folders: it lists in that order, and takes "\\" for "/". Amazon's
    # rule is kept by the server of `tests/providers/aws`.
    test_keys_are_listed_in_the_order_of_their_bytes = None
    test_a_delimiter_makes_folders = None

    @pytest.fixture
    def subject(self, make):
        return make()

    @pytest.mark.parametrize("key", [key for key in NAMES if "\\" not in key])
    def test_a_key_is_taken_as_it_is(self, subject, key):
        super().test_a_key_is_taken_as_it_is(subject, key)


def test_a_wrong_key_is_noticed(make):
    """That the others pass means something."""
    with pytest.raises(AuthenticationError):
        make("wrong").put("a", b"hello")


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_signed_as_they_are_sent(make, bucket, key):
    subject = make()
    subject.put(key, b"hello", metadata={"order": "17"})
    _, name, official = bucket
    found = official.get_object(Bucket=name, Key=key)
    assert (found["Body"].read(), found["Metadata"]) == (b"hello", {"order": "17"})
    assert subject.get(key) == b"hello"
    answer = httpx2.get(subject.do(subject.port.sign_url(key)))
    assert answer.content == b"hello"


def test_a_browser_may_do_what_was_signed_for_it(make):
    subject = make()
    sign_url, kind = subject.port.sign_url, {"content-type": "text/plain"}
    url = subject.do(sign_url("a b/ü", method="PUT", content_type="text/plain"))
    assert httpx2.put(url, content=b"hello", headers=kind).status_code == 200
    assert httpx2.get(url).status_code == 403
    form = subject.do(subject.port.sign_post("form", size_max=9, content_type="text/plain"))
    sent = httpx2.post(form.url, data=dict(form.fields), files={"file": b"posted"})
    assert sent.status_code == 204
    too_large = httpx2.post(form.url, data=dict(form.fields), files={"file": b"0123456789"})
    assert too_large.status_code >= 400
    assert subject.get("form") == b"posted"
    assert httpx2.delete(subject.do(sign_url("form", method="DELETE"))).status_code == 204
    assert subject.keys() == ["a b/ü"]
