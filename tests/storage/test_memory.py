"""The reference driver, where it is used alone."""

import pytest

from hardpoint.core.errors import NotFoundError, PreconditionFailedError
from hardpoint.runtime.blocking import run
from hardpoint.storage.memory import MemoryStorage
from hardpoint.storage.types import NewObject, PostPolicy, StoredObject

NEW = NewObject(key="a", content_type="text/plain")


def test_a_piece_of_no_upload_is_refused():
    with pytest.raises(NotFoundError):
        run(MemoryStorage().upload_piece(NEW, "upload-1", 1, 0, b""))


def test_a_read_is_of_one_version():
    driver = MemoryStorage()
    run(driver.put(NEW, b"hello"))
    with pytest.raises(PreconditionFailedError):
        run(driver.read("a", start=0, length=1, etag="other"))


def test_a_form_needs_no_content_type():
    policy = PostPolicy(key="a", size_min=0, size_max=1)
    post = run(MemoryStorage().sign_post(policy, now=0, expires=1))
    assert post.fields == {"key": "a", "until": "1"}


def test_an_object_is_shown_without_its_bytes():
    driver = MemoryStorage(now=lambda: 7.0)
    run(driver.put(NEW, b"private"))
    info = run(driver.head("a"))
    assert info.modified == 7.0
    assert "private" not in repr(StoredObject(info=info, data=b"private"))
