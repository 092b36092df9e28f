"""The folder under attack, under crashes, and under several writers at a time."""

import errno
import json
import os
import subprocess
import sys
import threading

import pytest

from hardpoint.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnavailableError,
)
from hardpoint.providers.filesystem.errors import problem
from hardpoint.providers.filesystem.folder import STALE_SECONDS, Folder
from hardpoint.providers.filesystem.paths import file_of
from hardpoint.storage.types import BYTES, NewObject


def new(key="a", **options):
    return NewObject(key=key, content_type="text/plain", **options)


@pytest.fixture
def folder(root):
    return Folder(root)


# No way out


@pytest.fixture
def outside(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    return outside


def test_a_link_to_a_file_is_no_object(root, store, outside):
    (root / "link").symlink_to(outside / "secret")
    for call in (store.get, store.head):
        with pytest.raises(NotFoundError):
            call("link")
    assert [one.key for one in store.list()] == []
    store.delete("link")
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_link_to_a_file_is_replaced_and_not_followed(root, store, outside):
    (root / "link").symlink_to(outside / "secret")
    store.put("link", b"mine")
    assert (outside / "secret").read_bytes() == b"secret"
    assert store.get("link").data == b"mine"
    assert not (root / "link").is_symlink()


def test_a_link_to_a_folder_is_not_followed(root, store, outside):
    (root / "link").symlink_to(outside)
    with pytest.raises(NotFoundError):
        store.get("link/secret")
    with pytest.raises(ConflictError):
        store.put("link/planted", b"")
    store.put("a", b"")
    with pytest.raises(ConflictError):
        store.copy("a", "link/planted")
    store.delete("link/secret")
    assert [one.name for one in outside.iterdir()] == ["secret"]
    assert [one.key for one in store.list()] == ["a"]


@pytest.mark.parametrize("key", [".hardpoint/lock", ".hardpoint", ".hardpoint/parts/x"])
def test_what_is_ours_is_no_object(store, key):
    for call in (store.get, store.head, store.delete, lambda key: store.put(key, b"")):
        with pytest.raises(InvalidRequestError) as caught:
            call(key)
        assert caught.value.field == "key"
    with pytest.raises(InvalidRequestError):
        store.copy("a", key)
    with pytest.raises(InvalidRequestError):
        store.copy(key, "a")
    with pytest.raises(InvalidRequestError):
        store.sign_url(key)
    with pytest.raises(InvalidRequestError):
        store.put(key, bytes(3 * 1024 * 1024))
    store.put("b/.hardpoint", b"")
    assert [one.key for one in store.list()] == ["b/.hardpoint"]


def test_a_name_too_long_for_a_file_is_refused(store):
    store.put("x" * 255, b"")
    with pytest.raises(InvalidRequestError, match="255"):
        store.put("x" * 256, b"")


def test_a_pipe_is_no_object_and_is_not_waited_for(root, store):
    os.mkfifo(root / "pipe")
    with pytest.raises(NotFoundError):
        store.get("pipe")
    assert [one.key for one in store.list()] == []


def test_a_file_in_the_place_of_a_folder_is_in_conflict(store):
    store.put("a", b"")
    with pytest.raises(ConflictError):
        store.put("a/b", b"")
    store.put("c/d", b"")
    with pytest.raises(ConflictError):
        store.put("c", b"")
    assert [one.key for one in store.list()] == ["a", "c/d"]


def test_others_in_the_group_read_nothing(root, store):
    store.put("a/b", b"private")
    assert (root / "a" / "b").stat().st_mode & 0o077 == 0
    assert (root / "a").stat().st_mode & 0o077 == 0


def test_another_error_than_that_it_is_not_there_is_told(root):
    with pytest.raises(OSError, match="too long"), file_of(root, "x" * 256):
        pass


# Files of others


def test_a_file_that_others_put_there_is_an_object(root, store):
    (root / "theirs").mkdir()
    (root / "theirs" / "a.txt").write_bytes(b"hello")
    found = store.get("theirs/a.txt")
    assert (found.data, found.info.content_type, found.info.metadata) == (b"hello", BYTES, {})
    store.put("theirs/a.txt", b"mine", if_match=found.info.etag)
    store.delete("theirs/a.txt")
    assert not (root / "theirs").exists()


def test_a_file_written_over_by_others_loses_what_was_known_of_it(root, store):
    store.put("a", b"hello", content_type="text/plain")
    (root / "a").write_bytes(b"other!")
    assert store.head("a").content_type == BYTES


def test_names_that_are_no_keys_are_not_listed(root, store):
    (root / "bad\nname").write_bytes(b"")
    with open(os.fsencode(root) + b"/\xff", "wb"):  # noqa: PTH123 - a name that is not Unicode
        pass
    store.put("good", b"")
    assert [one.key for one in store.list()] == ["good"]


def test_folders_without_an_object_are_not_listed(root, store):
    (root / "empty" / "within").mkdir(parents=True)
    assert list(store.list(delimiter="/")) == []


# Crashes


def test_before_it_is_in_its_place_nothing_has_happened(root, folder):
    folder.put(new(), "part-1", b"old")
    folder.begin("part-2")
    folder.write("part-2", 0, b"ne")
    again = Folder(root)
    assert again.read("a", 0, 9, None).data == b"old"
    assert again.head("a").content_type == "text/plain"


def test_facts_of_a_version_that_never_came_to_be_count_for_nothing(root, folder):
    stored = folder.put(new(), "part-1", b"old")
    folder._facts.write(new(metadata={"x": "y"}), "a-version-that-never-was")
    assert folder.head("a").metadata == {}
    assert folder.head("a").etag == stored.etag
    folder.put(new(metadata={"z": "1"}), "part-2", b"new")
    (kept,) = [*(root / ".hardpoint" / "facts").iterdir()]
    assert len(list(kept.iterdir())) == 1


def test_what_a_dead_process_was_writing_is_cleared_away(root, folder):
    folder.begin("dead")
    folder.begin("alive")
    os.utime(root / ".hardpoint" / "parts" / "dead", (0, 0))
    Folder(root, now=lambda: STALE_SECONDS + 1)
    assert [one.name for one in (root / ".hardpoint" / "parts").iterdir()] == ["alive"]


def test_a_part_that_is_gone_was_finished_or_aborted(folder):
    with pytest.raises(NotFoundError):
        folder.commit(new(), "gone")
    with pytest.raises(NotFoundError):
        folder.write("gone", 0, b"")


KILLED = """
import os, sys
from pathlib import Path
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.storage.types import NewObject
folder, number = Folder(Path(sys.argv[1])), 0
while True:
    number += 1
    text = str(number).encode() * 1000
    new = NewObject(key="dir/a", content_type="text/plain", metadata={"number": str(number)})
    folder.put(new, f"part-{os.getpid()}", text)
    print(number, flush=True)
"""


def test_a_kill_at_any_time_leaves_one_whole_version(root):
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3):
            told = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        told = int(rest[-1]) if rest and rest[-1].isdecimal() else told
        folder = Folder(root)
        info = folder.head("dir/a")
        number = info.metadata["number"]
        assert int(number) >= told, "what was acknowledged is there"
        assert folder.read("dir/a", 0, info.size, info.etag).data == number.encode() * 1000
        (part,) = [*(root / ".hardpoint" / "parts").iterdir()] or [None]
        if part is not None:
            part.unlink()


# Several at a time

CLAIM = """
import json, os, sys
from pathlib import Path
from hardpoint.core.errors import AlreadyExistsError
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.storage.types import NewObject
folder, won = Folder(Path(sys.argv[1])), []
sys.stdin.readline()
for number in range(50):
    new = NewObject(key=f"claims/{number}", content_type="text/plain", if_absent=True)
    try:
        folder.put(new, f"part-{os.getpid()}", str(os.getpid()).encode())
        won.append(number)
    except AlreadyExistsError:
        pass
print(json.dumps(won))
"""


def test_of_several_processes_one_is_first(root):
    claimants = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in claimants:
        one.stdin.write("go\n")
        one.stdin.flush()
    won = [json.loads(one.communicate()[0]) for one in claimants]
    assert sorted(number for numbers in won for number in numbers) == list(range(50))


def test_of_several_threads_one_replaces_a_version(folder):
    first = folder.put(new(), "first", b"")
    won = []

    def replace(number):
        try:
            folder.put(new(if_match=first.etag), f"part-{number}", b"mine")
            won.append(number)
        except PreconditionFailedError:
            pass

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(won) == 1


def test_a_first_write_never_replaces_what_others_have_put_there(root, folder):
    """Someone who knows nothing of our lock is quicker, after we looked."""
    folder._check = lambda _: (root / "a").write_bytes(b"theirs")
    with pytest.raises(AlreadyExistsError):
        folder.put(new(if_absent=True), "part", b"ours")
    assert (root / "a").read_bytes() == b"theirs"
    assert list((root / ".hardpoint" / "parts").iterdir()) == []


def test_who_reads_while_another_writes_sees_one_version_with_its_own_facts(folder):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            text = str(number)
            folder.put(new(metadata={"number": text}), "writer", text.encode())

    folder.put(new(metadata={"number": "0"}), "part", b"0")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            piece = folder.read("a", 0, 99, None)
            assert piece.info.metadata == {"number": piece.data.decode()}
    finally:
        stop.set()
        writer.join()


def test_who_reads_while_it_is_replaced_looks_again(folder):
    """The file is open, and its facts go away together with it before they are read."""
    folder.put(new(metadata={"n": "1"}), "part-1", b"old")
    real = folder._facts.read

    def read(key, version):
        folder._facts.read = real
        folder.put(new(metadata={"n": "2"}), "part-2", b"new")
        return real(key, version)

    folder._facts.read = read
    piece = folder.read("a", 0, 9, None)
    assert (piece.data, piece.info.metadata) == (b"new", {"n": "2"})


def test_folders_come_and_go_under_writers(folder, root):
    def churn(number):
        for _ in range(30):
            folder.put(new(f"deep/er/{number}"), f"part-{number}", b"")
            folder.delete(f"deep/er/{number}")

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.name for one in root.iterdir()] == [".hardpoint"]


# Errors of the system


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, PermissionDeniedError),
        (errno.EROFS, PermissionDeniedError),
        (errno.ENOENT, NotFoundError),
        (errno.ENOTDIR, ConflictError),
        (errno.EISDIR, ConflictError),
        (errno.ENOSPC, UnavailableError),
        (errno.EIO, OutcomeUnknownError),
        (None, OutcomeUnknownError),
    ],
)
def test_an_error_of_the_system_is_one_of_ours(number, expected):
    error = OSError(number, "said") if number else OSError("said")
    made = problem(error)
    assert type(made) is expected
    assert made.vendor_code == (errno.errorcode[number] if number else None)
