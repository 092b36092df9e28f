import fcntl
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.sqlite.files import LockFile


def test_a_second_holder_is_refused_at_once_with_the_pid_and_the_remedy_in_one_line(tmp_path):
    first, second = LockFile(tmp_path / "store.db"), LockFile(tmp_path / "store.db")
    first.acquire(0)
    with pytest.raises(StoreUnavailableError) as caught:
        second.acquire(0)
    first.release()
    first.release()
    second.acquire(0)
    second.release()
    message = str(caught.value)
    assert f"in use by process {os.getpid()}" in message
    assert "--workers" in message
    assert "\n" not in message
    assert "own" not in message


def test_a_wait_ends_when_the_other_lets_go(tmp_path):
    first, second = LockFile(tmp_path / "store.db"), LockFile(tmp_path / "store.db")
    first.acquire(0)
    timer = threading.Timer(0.05, first.release)
    timer.start()
    second.acquire(10)
    second.release()
    timer.join()


@pytest.mark.parametrize("content", [b"", b"not a pid\n"])
def test_a_holder_that_left_no_pid_is_another_process(tmp_path, content):
    path = tmp_path / "store.db.lock"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(StoreUnavailableError, match="in use by another process"):
        LockFile(tmp_path / "store.db").acquire(0)
    os.close(descriptor)


def test_a_lock_on_a_file_that_was_removed_meanwhile_counts_for_nothing(tmp_path, monkeypatch):
    lock = LockFile(tmp_path / "store.db")
    real = fcntl.flock

    def removed_meanwhile(descriptor, operation):
        real(descriptor, operation)
        if not removed:
            removed.append(lock.path.unlink())

    removed = []
    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    lock.acquire(1)
    status = lock.path.stat()
    held = os.fstat(lock._descriptor)
    assert (status.st_ino, status.st_dev) == (held.st_ino, held.st_dev)
    lock.release()
    assert removed


def test_a_forked_child_does_not_hold_the_store_after_its_parent(tmp_path):
    """A process pool's workers outlive a killed server; they must not keep the next one out."""
    script = """
        import os, sys
        from hardpoint.store.sqlite.files import LockFile
        lock = LockFile(sys.argv[1])
        lock.acquire(0)
        parent = os.getpid()
        if os.fork() == 0:
            os.kill(parent, 9)
            print("orphaned", flush=True)
            sys.stdin.read()  # lives for as long as the test holds its standard input open
            os._exit(0)
        sys.stdin.read()
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "store.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child.stdin, child.stdout as told:
        assert child.wait() == -9
        assert told.readline() == b"orphaned\n"
        next_holder = LockFile(tmp_path / "store.db")
        next_holder.acquire(0)
        next_holder.release()
