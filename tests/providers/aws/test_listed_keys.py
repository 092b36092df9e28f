"""What others have written is read, copied and deleted under the key that a list shows."""

import pytest

from hardpoint.core.errors import InvalidRequestError, PreconditionFailedError
from hardpoint.fakes.messages import Received
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.aws.fake import FakeS3
from hardpoint.providers.aws.fake_bucket import HeldObject
from hardpoint.providers.aws.storage import PIECE_BYTES

KEYS = ["invoices/", "/abs/file.txt", "a//b.txt", "//", " led", "  two led/", "trailed ", "a\nb"]


@pytest.fixture
def odd(vendor, store):
    """A store with objects that no verb of ours would have written."""
    for key in KEYS:
        held = HeldObject(data=key.encode(), content_type="text/plain", metadata={})
        vendor.bucket.store(key, held, {})
    return store()


def test_each_key_is_listed_whole_and_goes_through_every_verb(odd, tmp_path):
    listed = [one.key for one in odd.list()]
    assert sorted(listed) == sorted(KEYS)
    for number, key in enumerate(listed):
        assert odd.get(key).data == key.encode()
        assert odd.head(key).key == key
        assert odd.exists(key)
        odd.download(key, tmp_path / str(number))
        odd.copy(key, f"copies/{number}")
        assert odd.get(f"copies/{number}").data == key.encode()
        assert odd.sign_url(key).startswith("http://127.0.0.1")
        odd.delete(key)
        assert not odd.exists(key)
    assert [one.key for one in odd.list()] == sorted(f"copies/{n}" for n in range(len(KEYS)))


@pytest.mark.parametrize("prefix", ["/", "/abs/", "a//", " ", "  two led/"])
def test_what_they_begin_with_is_a_prefix(odd, prefix):
    listed = [one.key for one in odd.list(prefix)]
    assert listed == sorted(one for one in KEYS if one.startswith(prefix))
    assert listed


def test_a_folder_from_a_console_is_emptied(odd):
    folders = [one for one in odd.list(delimiter="/") if hasattr(one, "prefix")]
    for folder in folders:
        for one in odd.list(folder.prefix):
            odd.delete(one.key)
    assert [one.key for one in odd.list()] == [" led", "a\nb", "trailed "]


@pytest.mark.parametrize("key", KEYS[:4] + KEYS[-1:])
def test_none_of_them_is_written(odd, key, tmp_path):
    (tmp_path / "a").write_bytes(b"")
    for write in (
        lambda: odd.put(key, b""),
        lambda: odd.upload(key, tmp_path / "a"),
        lambda: odd.copy("a//b.txt", key),
        lambda: odd.sign_url(key, method="PUT"),
        lambda: odd.sign_post(key, size_max=1),
    ):
        with pytest.raises(InvalidRequestError):
            write()


class Careless(FakeS3):
    """A server that does not heed `If-Match`; the object is replaced after each read."""

    def _read(self, key, request, query):
        headers = {name: value for name, value in request.headers.items() if name != "if-match"}
        careless = Received(method=request.method, target=request.target, headers=headers, body=b"")
        reply = super()._read(key, careless, query)
        held = self.bucket.held(key)
        other = bytes(len(held.data) - 1) + bytes([self._requests % 256])
        self.bucket.store(key, HeldObject(data=other, content_type="a/b", metadata={}), {})
        return reply


@pytest.fixture
def server(request, vendor):
    vendor = Careless() if "careless" in request.node.name else vendor
    with FakeServer(vendor) as server:
        yield server


def test_two_versions_are_never_mixed_at_a_careless_server(store, tmp_path):
    store().put("a", bytes(PIECE_BYTES + 1))
    with pytest.raises(PreconditionFailedError, match="was replaced while it was read"):
        store().get("a")
    with pytest.raises(PreconditionFailedError):
        store().download("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
