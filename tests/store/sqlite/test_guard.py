import asyncio
import contextlib
import ctypes
import os
import sqlite3
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.driver import Stored
from hardpoint.store.events import StoreBroken

libc = ctypes.CDLL(None)


class Unready:
    """Like Django's settings before they are configured: it fails when asked what it is."""

    @property
    def __class__(self):
        raise RuntimeError("not configured")


UNREADY = Unready()
"""It lives while these tests run, among all that the guard looks through."""


@pytest.fixture
def another_library():
    """As if a module with a SQLite library of its own were loaded."""
    assert "apsw" not in sys.modules
    sys.modules["apsw"] = types.ModuleType("apsw")
    yield
    del sys.modules["apsw"]


def opened_elsewhere(path: Path) -> int:
    """A descriptor as another library in this process opens it: unseen by Python."""
    return libc.open(os.fsencode(path), os.O_RDWR)


def printed(script: str, *arguments: object) -> str:
    """What a process of its own says."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_file_cannot_be_opened_raw_while_the_store_is_open(stage):
    async def story(desk):
        path = desk.store.path
        link = path.with_name("link.db")
        link.symlink_to(path)
        hard = path.with_name("hard.db")
        hard.hardlink_to(path)
        relative = os.path.relpath(path)
        index = f"{path}-shm"
        for name in (path, str(path), bytes(path), link, hard, relative, index):
            with pytest.raises(StoreError, match="would drop its locks"):
                open(name, "rb")  # noqa: SIM115, PTH123 - it is refused
            with pytest.raises(StoreError, match="would drop its locks"):
                os.open(name, os.O_RDONLY)
        with pytest.raises(StoreError, match="would drop its locks"):
            path.read_bytes()
        hard.unlink()

    stage.play(story)
    assert stage.path.read_bytes()


def test_sqlite3_may_open_the_file_however_it_names_it(stage):
    async def story(desk):
        path = desk.store.path
        for name, uri in (
            (path, False),
            (str(path), False),
            (os.fsencode(path), False),
            (f"file:{path}?mode=ro", True),
            (f"file://{path}?mode=ro", True),
        ):
            connection = sqlite3.connect(name, uri=uri)
            assert connection.execute("select count(*) from hardpoint_event").fetchone() == (0,)
            connection.close()

    stage.play(story)


def test_other_files_are_none_of_its_business(stage, tmp_path):
    async def story(desk):
        (tmp_path / "notes").write_text("x")
        assert (tmp_path / "notes").read_text() == "x"
        with pytest.raises(FileNotFoundError):
            (tmp_path / "none").read_text()
        reading, writing = os.pipe()
        os.close(writing)
        open(reading, "rb").close()  # noqa: PTH123 - by descriptor

    stage.play(story)


def test_another_sqlite_library_that_holds_the_file_is_refused_at_the_opening(tmp_path):
    """In a process of its own, where nothing else has connections that could explain it."""
    script = """
        import asyncio, ctypes, os, sys, types
        from pathlib import Path
        from hardpoint.core.errors import StoreUnavailableError
        from hardpoint.store.sqlite import SqliteStore
        path = Path(sys.argv[1])
        path.touch()
        ctypes.CDLL(None).open(os.fsencode(path), os.O_RDWR)
        sys.modules["apsw"] = types.ModuleType("apsw")
        try:
            asyncio.run(SqliteStore(path).open())
        except StoreUnavailableError as error:
            print(error)
        path.read_bytes()  # it is watched no longer
    """
    assert "another SQLite library (apsw)" in printed(script, tmp_path / "store.db")


def test_another_sqlite_library_that_opens_the_file_later_breaks_the_store(stage, another_library):
    stage.limits |= {"quiet": 0.01, "tick": 0.01}

    async def story(desk):
        broken = asyncio.Event()
        desk.store.listeners.add(lambda one: isinstance(one, StoreBroken) and broken.set())
        descriptor = opened_elsewhere(desk.store.path)
        await asyncio.wait_for(broken.wait(), 10)
        assert "use the standard library's sqlite3" in desk.store.broken
        os.close(descriptor)

    stage.play(story)


def test_another_sqlite_library_is_noticed_under_load_too(stage, another_library):
    async def story(desk):
        assert (await desk.accept("evt_0")).stored is Stored.NEW
        descriptor = opened_elsewhere(desk.store.path)
        desk.clock.advance(2)
        with contextlib.suppress(StoreUnavailableError):
            await desk.accept("evt_1")
        with pytest.raises(StoreUnavailableError, match="another SQLite library"):
            await desk.settled()
        os.close(descriptor)

    stage.play(story)


def test_connections_of_sqlite3_come_and_go_beside_another_library(stage, another_library):
    async def story(desk):
        for number in range(5):
            connections = [sqlite3.connect(desk.store.path) for _ in range(3)]
            for connection in connections:
                connection.execute("select count(*) from hardpoint_event").fetchone()
            desk.clock.advance(2)
            await desk.accept(f"evt_{number}")
            for connection in connections:
                connection.close()
        assert desk.store.broken is None

    stage.play(story)


def test_connections_that_were_there_before_the_store_was_opened_are_no_other_library(
    stage, another_library
):
    earlier = sqlite3.connect(stage.path)
    earlier.execute("create table note (text)")
    closed = sqlite3.connect(":memory:")
    closed.close()

    async def story(desk):
        desk.clock.advance(2)
        await desk.accept("evt_1")
        assert desk.store.broken is None

    stage.play(story)
    earlier.close()


def test_a_process_that_opens_no_store_has_no_audit_hook(tmp_path):
    script = """
        import asyncio, sys
        from pathlib import Path
        added = []
        sys.addaudithook = added.append
        from hardpoint.hub.hub import Hub
        from hardpoint.hub.settings import Settings, StoreSettings
        from hardpoint.store.sqlite import SqliteStore, complete_in
        hub = Hub(Settings(store=StoreSettings(path=Path(sys.argv[1]))))
        print(len(added))
        async def twice():
            for _ in range(2):
                await hub.open()
                await hub.stop()
        asyncio.run(twice())
        print(len(added))
    """
    assert printed(script, tmp_path / "store.db").split() == ["0", "1"]


def test_a_file_that_is_let_go_may_be_opened_again(stage):
    async def story(desk):
        await desk.accept("evt_1")

    stage.play(story)
    with stage.path.open("rb") as file:
        assert file.read(15) == b"SQLite format 3"
