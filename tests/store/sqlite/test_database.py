import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.store.driver import Completed, Stored
from hardpoint.store.sqlite import SqliteReader, SqliteStore, library_finding
from hardpoint.store.sqlite.connections import connect
from hardpoint.store.sqlite.database import Database
from hardpoint.store.sqlite.files import inode_of
from hardpoint.store.sqlite.gate import Gate


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version, affected):
    finding = library_finding(version)
    assert (finding is not None) == affected
    if finding:
        assert ".".join(map(str, version)) in finding


def test_all_files_are_for_the_owner_only(stage):
    async def story(desk):
        await desk.accept("evt_1")
        files = sorted(desk.store.path.parent.iterdir())
        assert [file.name for file in files] == [
            "store.db",
            "store.db-shm",
            "store.db-wal",
            "store.db.lock",
        ]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}

    stage.play(story)


def test_commits_are_synced_and_the_writer_alone_copies_the_log(stage):
    async def story(desk):
        async def pragma(name):
            connection = desk.store.engine._database.connection
            return await desk.store.submit(
                lambda: connection.execute(f"pragma {name}").fetchone()[0]
            )

        assert await pragma("journal_mode") == "wal"
        assert await pragma("synchronous") == 2
        assert await pragma("fullfsync") == 1
        assert await pragma("checkpoint_fullfsync") == 1
        assert await pragma("wal_autocheckpoint") == 0
        assert await pragma("foreign_keys") == 1
        assert await pragma("auto_vacuum") == 2

    stage.play(story)


class Weak(sqlite3.Connection):
    """Answers one pragma as a library would that does not take it."""

    pragma, answer = "", ""

    def execute(self, sql, *arguments):
        if sql == self.pragma:
            return super().execute(f"select {self.answer}")
        return super().execute(sql, *arguments)


@pytest.mark.parametrize(
    ("pragma", "answer", "message"),
    [
        ("pragma synchronous", "1", "synchronous = full"),
        ("pragma journal_mode = wal", "'delete'", "stays in 'delete' mode"),
    ],
)
def test_a_library_that_cannot_make_commits_durable_is_refused(stage, pragma, answer, message):
    class Kind(Weak):
        pass

    Kind.pragma, Kind.answer = pragma, answer
    stage.settings["kind"] = Kind

    async def story(desk):
        raise AssertionError

    with pytest.raises(StoreUnavailableError, match=message):
        stage.play(story)


def refused(path: Path, error):
    """Open a file as a store and as a reader; both refuse it, and leave it as it was."""
    before = path.read_bytes()

    async def scene():
        store = SqliteStore(path)
        with pytest.raises(error) as caught:
            await store.open()
        return str(caught.value)

    message = asyncio.run(scene())
    with pytest.raises(error):
        SqliteReader(path)
    assert path.read_bytes() == before
    assert str(path) in message
    return message


@pytest.mark.parametrize("content", [b"x", b"not a database at all" * 500, b"SQLite format 2\0"])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "name another file" in refused(path, StoreCorruptError)


def test_a_damaged_schema_is_refused_untouched(stage):
    async def story(desk):
        pass

    stage.play(story)
    content = bytearray(stage.path.read_bytes())
    content[100:300] = b"\xff" * 200
    stage.path.write_bytes(content)
    refused(stage.path, StoreCorruptError)


def test_a_store_of_a_newer_version_is_refused_untouched(stage):
    async def story(desk):
        pass

    stage.play(story)
    connection = sqlite3.connect(stage.path)
    with connection:
        connection.execute("update hardpoint_meta set value = 99 where name = 'schema'")
    connection.close()
    assert "newer hardpoint (schema 99" in refused(stage.path, StoreCorruptError)


@pytest.mark.parametrize(
    "script",
    [
        "create table hardpoint_orders (id)",
        "create table hardpoint_meta (name, value)",
        "create table hardpoint_meta (other)",
        (
            "create table hardpoint_meta (name, value);"
            "insert into hardpoint_meta values ('schema', 'one')"
        ),
    ],
)
def test_tables_that_only_look_like_ours_are_refused_untouched(tmp_path, script):
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    assert "did not make" in refused(path, StoreCorruptError)


def test_an_application_s_own_database_can_hold_the_store(stage):
    connection = sqlite3.connect(stage.path)
    connection.executescript("create table orders (id); insert into orders values (1)")
    connection.close()

    async def story(desk):
        lease = await desk.leased()
        done = await desk.complete(
            lease, writes=(lambda tx: tx.execute("insert into orders values (2)"),)
        )
        assert done is Completed.RECORDED
        assert desk.query("select id from orders") == [(1,), (2,)]

    stage.play(story)


def test_a_path_through_a_link_leads_to_the_same_store(stage):
    link = stage.path.with_name("link.db")
    link.symlink_to(stage.path)

    async def story(desk):
        other = SqliteStore(link, limits=desk.store.limits)
        with pytest.raises(StoreUnavailableError, match="in use"):
            await other.open()

    stage.play(story)


def test_a_file_with_two_names_is_refused(stage):
    async def story(desk):
        await desk.accept("evt_1")

    stage.play(story)
    stage.path.with_name("second.db").hardlink_to(stage.path)
    with pytest.raises(StoreUnavailableError, match="more than one name"):
        stage.play(story)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    async def scene(path):
        with pytest.raises(StoreUnavailableError, match="No such file"):
            await SqliteStore(path).open()

    asyncio.run(scene(tmp_path / "none" / "store.db"))


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    async def scene(path):
        path.mkdir()
        with pytest.raises(StoreUnavailableError, match="not a regular file"):
            await SqliteStore(path).open()

    asyncio.run(scene(tmp_path / "store.db"))


@pytest.mark.parametrize("target", ["none/store.db", "store.db"], ids=["nowhere", "itself"])
def test_a_path_that_leads_nowhere_is_named(tmp_path, target):
    path = tmp_path / "store.db"
    path.symlink_to(tmp_path / target)
    with pytest.raises(StoreUnavailableError, match=str(path)):
        Database(path, gate=Gate(), busy=0.0, kind=sqlite3.Connection)


def test_a_file_that_cannot_be_made_is_named(tmp_path):
    path = tmp_path / "none" / "store.db"
    with pytest.raises(StoreUnavailableError, match="cannot be created: No such file"):
        Database(path, gate=Gate(), busy=0.0, kind=sqlite3.Connection)


@pytest.mark.parametrize(
    "opened", [connect, lambda path: asyncio.run(SqliteStore(path).open())], ids=["connect", "open"]
)
def test_no_new_file_is_made_beside_the_log_of_one_that_was_moved_away(tmp_path, opened):
    log = tmp_path / "store.db-wal"
    log.write_bytes(b"what was acknowledged last")
    path = tmp_path / "store.db"
    with pytest.raises(StoreUnavailableError, match=r"move store\.db-wal away as well"):
        opened(path)
    assert log.read_bytes() == b"what was acknowledged last"
    assert not path.exists()


def test_a_path_too_long_for_sqlite_is_refused_by_both(tmp_path):
    folder = tmp_path / ("a" * 200) / ("b" * 200) / ("c" * 200)
    folder.mkdir(parents=True)
    path = folder / "store.db"

    async def scene():
        with pytest.raises(StoreUnavailableError, match="unable to open"):
            await SqliteStore(path).open()

    asyncio.run(scene())
    path.write_bytes(bytes(4_096))
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        SqliteReader(path)


def test_a_lock_from_outside_while_opening_is_unavailable_and_not_corrupt(stage):
    async def first(desk):
        await desk.accept("evt_1")

    stage.play(first)
    outside = sqlite3.connect(stage.path, isolation_level=None)
    outside.execute("begin immediate")
    with pytest.raises(StoreUnavailableError, match="locked"):
        stage.play(first)
    outside.execute("rollback")
    outside.close()

    async def again(desk):
        assert (await desk.accept("evt_1")).stored is Stored.DUPLICATE

    stage.play(again)


def test_a_database_that_another_program_holds_is_unavailable_and_not_corrupt(stage):
    outside = sqlite3.connect(stage.path, isolation_level=None)
    outside.execute("create table orders (id)")
    outside.execute("begin exclusive")

    async def story(desk):
        raise AssertionError

    with pytest.raises(StoreUnavailableError, match="locked"):
        stage.play(story)
    outside.close()


def test_a_path_that_no_file_can_have_has_no_inode():
    assert inode_of("a\0b") is None
    assert inode_of("/nowhere/at/all") is None
