"""Files on the caller's side: what goes wrong with them, and what is left then."""

import os

import pytest

from hardpoint.core.errors import BulkheadFullError, ConflictError, InvalidRequestError
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.storage.files import ContentTarget, source_of

RUNTIME = BlockingRuntime()


def test_a_file_that_was_replaced_underway_is_read_as_it_was(tmp_path):
    """The open file is the old one, whole: that it has another name now does not matter."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    source = source_of(RUNTIME, path)
    assert run(source.read(2)) == b"ol"
    (tmp_path / "b").write_bytes(b"new")
    assert run(source.read(9)) == b"d"
    run(source.check())
    run(source.close())


@pytest.mark.parametrize("change", [b"", b"shorter", b"same length!"])
def test_a_file_that_was_written_anew_is_told(tmp_path, change):
    path = tmp_path / "a"
    path.write_bytes(b"twelve bytes")
    os.utime(path, (1, 1))
    source = source_of(RUNTIME, path)
    run(source.read(99))
    path.write_bytes(change)
    with pytest.raises(ConflictError):
        run(source.check())
    run(source.close())


def test_a_file_that_was_not_read_to_its_end_is_told(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    source = source_of(RUNTIME, path)
    run(source.read(4))
    with pytest.raises(ConflictError):
        run(source.check())
    run(source.close())


def test_a_pipe_is_no_file_by_its_path_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequestError, match="not a regular file"):
        run(source_of(RUNTIME, tmp_path / "pipe").read(1))


def test_a_pipe_as_a_file_object_is_read_to_its_end():
    reading, writing = os.pipe()
    os.write(writing, b"he")
    os.write(writing, b"llo")
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as file:
        source = source_of(RUNTIME, file)
        assert run(source.read(9)) == b"hello"
        run(source.check())
        run(source.close())
        assert not file.closed


def test_a_closed_file_object_is_refused(tmp_path):
    with (tmp_path / "a").open("wb+") as file:
        pass
    source = source_of(RUNTIME, file)
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        run(source.read(1))


def test_a_target_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    target = ContentTarget(RUNTIME, path, "id")
    run(target.begin())
    with target.section(0) as section:
        run(section.take(b"help"))
    assert path.read_bytes() == b"old"
    with target.section(2) as section:
        run(section.take(b"l"))
        run(section.take(b"lo"))
    run(target.keep())
    for _ in range(2):
        run(target.discard())
    assert path.read_bytes() == b"hello"
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_follows_the_umask_as_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        target = ContentTarget(RUNTIME, tmp_path / "a", "id")
        run(target.keep())
        run(target.discard())
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_disk_that_does_not_write_is_told_and_nothing_is_left(tmp_path):
    target = ContentTarget(RUNTIME, tmp_path / "a", "id")
    run(target.begin())
    real, target._descriptor = target._descriptor, os.open(tmp_path, os.O_RDONLY)
    try:
        with (
            target.section(0) as section,
            pytest.raises(InvalidRequestError, match="cannot be written") as caught,
        ):
            run(section.take(b"hello"))
    finally:
        os.close(real)
    assert caught.value.field == "path"
    run(target.discard())
    assert list(tmp_path.iterdir()) == []


def test_a_thread_that_is_late_opens_nothing_any_more(tmp_path):
    """Its caller was cancelled, and what closes came first."""
    (tmp_path / "a").write_bytes(b"hello")
    source, target = (
        source_of(RUNTIME, tmp_path / "a"),
        ContentTarget(RUNTIME, tmp_path / "b", "id"),
    )
    run(source.close())
    run(target.discard())
    with pytest.raises(InvalidRequestError, match="given up"):
        run(source.read(1))
    with target.section(0) as section, pytest.raises(InvalidRequestError, match="given up"):
        run(section.take(b"hello"))
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_one_attempt_at_a_time_fills_a_section(tmp_path):
    target = ContentTarget(RUNTIME, tmp_path / "a", "id")
    with (
        target.section(0),
        pytest.raises(BulkheadFullError, match="under way"),
        target.section(0),
    ):
        raise AssertionError
    run(target.discard())


def test_a_thread_of_an_attempt_that_was_given_up_writes_nothing_any_more(tmp_path):
    target = ContentTarget(RUNTIME, tmp_path / "a", "id")
    with target.section(0) as given_up:
        run(given_up.take(b"ol"))
    with target.section(0) as section:
        run(section.take(b"new"))
        with pytest.raises(InvalidRequestError, match="given up"):
            run(given_up.take(b"d"))
    run(target.keep())
    run(target.discard())
    assert (tmp_path / "a").read_bytes() == b"new"
