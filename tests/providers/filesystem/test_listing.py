"""Lists of a folder, against the reference that lists from memory."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.providers.filesystem import listing
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.runtime.blocking import run
from hardpoint.storage.memory import MemoryStorage
from hardpoint.storage.types import NewObject, Prefix

segments = st.text("ab-.é", min_size=1, max_size=3).filter(lambda one: one not in {".", ".."})
keys = st.lists(segments, min_size=1, max_size=3).map("/".join)


def without_overlap(found):
    """A key that another goes on from cannot be in a folder beside it."""
    return {one for one in found if not any(other.startswith(f"{one}/") for other in found)}


def named(entries):
    return [one.prefix if isinstance(one, Prefix) else one.key for one in entries]


def pages(page):
    found, cursor = [], None
    while True:
        one = page(cursor)
        found += named(one.entries)
        cursor = one.cursor
        if cursor is None:
            return found


@given(
    found=st.sets(keys, max_size=12).map(without_overlap),
    prefix=st.text("ab-./é", max_size=4),
    delimiter=st.sampled_from([None, "/"]),
    most=st.integers(1, 4),
)
def test_a_folder_lists_as_the_reference_does(tmp_path_factory, found, prefix, delimiter, most):
    root = tmp_path_factory.mktemp("root")
    memory = MemoryStorage(page=most)
    for key in found:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        run(memory.put(NewObject(key=key, content_type="text/plain"), b""))
    options = {"prefix": prefix, "delimiter": delimiter}
    ours = pages(lambda cursor: listing.page(root, cursor=cursor, most=most, **options))
    theirs = pages(lambda cursor: run(memory.list_page(cursor=cursor, **options)))
    assert ours == theirs


def test_what_goes_while_it_is_listed_is_not_told(tmp_path):
    Folder(tmp_path).put(NewObject(key="a", content_type="text/plain"), "part", b"")
    walk = listing._Walk("", None, None)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert list(listing._object(descriptor, "gone", "gone")) == []
        assert list(walk._folder(descriptor, "gone", "gone/")) == []
        assert named(walk.below(descriptor, "")) == ["a"]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_becomes_a_link_while_it_is_listed_is_not_told(tmp_path, kind):
    if kind == "link":
        (tmp_path / "a").symlink_to("/etc/passwd")
    else:
        os.mkfifo(tmp_path / "a")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert list(listing._object(descriptor, "a", "a")) == []
    finally:
        os.close(descriptor)
