import asyncio
import fcntl
import os
import subprocess
import sys
import textwrap

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.sqlite.lock import LockFile, _let_go_in_child


def test_a_second_holder_is_refused_with_the_pid_and_the_remedy(tmp_path):
    async def scene():
        first, second = LockFile(tmp_path / "store.db"), LockFile(tmp_path / "store.db")
        await first.acquire(0)
        with pytest.raises(StoreUnavailableError) as caught:
            await second.acquire(0)
        first.release()
        first.release()
        await second.acquire(0)
        second.release()
        return str(caught.value)

    message = asyncio.run(scene())
    assert f"in use by process {os.getpid()}" in message
    assert "stop that one" in message


def test_a_wait_ends_when_the_other_lets_go_and_the_loop_goes_on_meanwhile(tmp_path):
    async def scene():
        first, second = LockFile(tmp_path / "store.db"), LockFile(tmp_path / "store.db")
        await first.acquire(0)
        waiting = asyncio.ensure_future(second.acquire(10))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.release()
        await waiting
        second.release()

    asyncio.run(scene())


@pytest.mark.parametrize("content", [b"", b"not a pid\n"])
def test_a_holder_that_left_no_pid_is_another_process(tmp_path, content):
    path = tmp_path / "store.db.lock"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    async def scene():
        with pytest.raises(StoreUnavailableError, match="in use by another process"):
            await LockFile(tmp_path / "store.db").acquire(0)

    asyncio.run(scene())
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

    async def scene():
        await lock.acquire(1)
        status = lock.path.stat()
        held = os.fstat(lock._descriptor)
        assert (status.st_ino, status.st_dev) == (held.st_ino, held.st_dev)
        lock.release()

    asyncio.run(scene())
    assert removed


def test_a_child_lets_go_of_every_lock_that_it_was_born_with(tmp_path):
    async def scene():
        locks = [LockFile(tmp_path / f"{number}.db") for number in range(2)]
        for lock in locks:
            await lock.acquire(0)
        _let_go_in_child()
        for number in range(2):
            await taken_at_once(LockFile(tmp_path / f"{number}.db"))

    asyncio.run(scene())


def test_a_forked_child_does_not_hold_the_store_after_its_parent(tmp_path):
    """A process pool's workers outlive a killed server; they must not keep the next one out."""
    script = """
        import asyncio, os, sys
        from hardpoint.store.sqlite.lock import LockFile, _let_go_in_child
        lock = LockFile(sys.argv[1])
        asyncio.run(lock.acquire(0))
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
        asyncio.run(taken_at_once(LockFile(tmp_path / "store.db")))


async def taken_at_once(lock):
    await lock.acquire(0)
    lock.release()
