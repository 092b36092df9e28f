"""Signs of life: who is seen to live, and whose file goes."""

import os

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.journal import BeginCall, Intent, Standing
from hardpoint.store.sqlite.calls import Moment
from hardpoint.store.sqlite.sessions import LiveSession

CALL = Intent(scope="texts:send", key="k1", fingerprint=b"hello")


@pytest.fixture
def database(tmp_path):
    return tmp_path / "store.db"


def die(session):
    """What the kernel does: the file stays, and nobody holds it."""
    name = session.name
    session.forget()
    return name


def test_a_session_lives_until_its_process_has_gone(database):
    mine, other = LiveSession(database), LiveSession(database)
    assert mine.lives(mine.name)
    assert mine.lives(other.name) is None
    other.hold()
    other.hold()
    assert mine.lives(other.name) is True
    assert mine.lives(die(other)) is False
    assert mine.lives("../store.db") is None


def test_what_cannot_be_looked_at_is_not_taken_for_dead(database):
    mine = LiveSession(database)
    mine.hold()
    loop = database.with_name("store.db.live") / "loop"
    loop.symlink_to(loop)
    assert mine.lives("loop") is True
    mine.release()


def test_the_files_of_the_dead_are_swept_and_those_of_the_living_stay(database):
    folder = database.with_name("store.db.live")
    mine, dead, alive = (LiveSession(database) for _ in range(3))
    mine.sweep()
    for one in (mine, dead, alive):
        one.hold()
    die(dead)
    mine.sweep()
    assert sorted(one.name for one in folder.iterdir()) == sorted([mine.name, alive.name])
    alive.release()
    alive.release()
    assert folder.exists()
    mine.release()
    assert not folder.exists()


def test_a_file_that_was_removed_is_made_anew_under_the_same_name(database):
    mine, other = LiveSession(database), LiveSession(database)
    mine.check()
    mine.hold()
    file = database.with_name("store.db.live") / mine.name
    mine.check()
    file.unlink()
    file.write_text("somebody else's")
    mine.check()
    assert other.lives(mine.name) is True
    file.unlink()
    mine.release()
    assert not file.exists()


def test_a_place_where_nothing_can_be_made_is_told(database):
    database.with_name("store.db.live").write_text("a file")
    with pytest.raises(StoreUnavailableError, match="cannot be made"):
        LiveSession(database).hold()


def test_a_draft_that_is_taken_away_is_made_again(database, monkeypatch):
    monkeypatch.setattr("hardpoint.store.sqlite.sessions._TRIES", 2)
    mine = LiveSession(database)
    folder = database.with_name("store.db.live")
    folder.mkdir()
    held = LiveSession(database)
    draft = folder / f"{mine.name}.new"
    os.mkfifo(draft)
    draft.unlink()
    (folder / mine.name).mkdir()  # the draft cannot take its place
    with pytest.raises(StoreUnavailableError, match="cannot be made"):
        mine.hold()
    assert held.lives(f"{mine.name}.new") is False


def test_a_forked_child_is_another_session(database):
    mine, other = LiveSession(database), LiveSession(database)
    mine.hold()
    child = os.fork()
    if child == 0:
        os._exit(0 if mine.name != other.name and mine.lives(mine.name) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert other.lives(mine.name) is True


def test_a_call_begun_twice_by_one_holder_is_new_and_by_another_is_busy_until_that_one_dies(stage):
    holder = LiveSession(stage.path)
    holder.hold()

    async def story(desk):
        calls, now = desk.store.engine.calls, Moment(5.0, 5.0)

        async def begin(session, token, now=now):
            return (
                await desk.store.submit(calls.do, BeginCall(CALL, token), session, now)
            ).standing

        assert await begin(holder.name, 1) is Standing.NEW
        assert await begin(holder.name, 1) is Standing.NEW
        assert await begin("other", 1) is Standing.BUSY
        assert await begin(holder.name, 2) is Standing.OPEN
        assert await begin("other", 1) is Standing.BUSY
        name = die(holder)
        assert await begin("other", 2) is Standing.OPEN
        # Nobody knows of a file that is missing; one that lives makes it anew within a second.
        assert await begin(name, 3) is Standing.BUSY
        assert await begin(name, 3, Moment(9.0, 9.0)) is Standing.OPEN

    stage.play(story)


def test_a_doubt_begins_with_the_death_even_if_nobody_asks(stage):
    holder = LiveSession(stage.path)
    holder.hold()

    async def story(desk):
        store = desk.store
        await store.call(BeginCall(CALL, 1), holder.name)
        desk.clock.advance(30)
        store.look_for_deaths()
        await desk.settled()
        assert desk.query("select doubted_at from hardpoint_call") == [(None,)]
        die(holder)
        store.look_for_deaths()
        await desk.settled()
        died = desk.clock.now()
        assert desk.query("select doubted_at, holder from hardpoint_call") == [(died, None)]
        desk.clock.advance(7)
        entry = await store.call(BeginCall(CALL, 1), "other")
        assert (entry.standing, entry.doubt_seconds) == (Standing.OPEN, 7)

    stage.play(story)


def test_the_writer_sees_a_death_by_itself(stage):
    stage.limits["tick"] = 0.0
    holder = LiveSession(stage.path)
    holder.hold()

    async def story(desk):
        await desk.store.call(BeginCall(CALL, 1), holder.name)
        die(holder)
        desk.clock.advance(2)
        await desk.settled()
        await desk.settled()
        assert desk.query("select holder from hardpoint_call") == [(None,)]

    stage.play(story)


def test_an_opening_leaves_the_calls_of_the_living_alone(stage):
    holder, dead = LiveSession(stage.path), LiveSession(stage.path)
    holder.hold()
    dead.hold()
    other = Intent(scope="texts:send", key="k2", fingerprint=b"hello")

    async def before(desk):
        await desk.store.call(BeginCall(CALL, 1), holder.name)
        await desk.store.call(BeginCall(other, 1), dead.name)
        die(dead)

    async def after(desk):
        rows = desk.query("select key, holder, doubted_at is null from hardpoint_call order by key")
        assert rows == [("k1", holder.name, 1), ("k2", None, 0)]

    stage.play(before)
    stage.play(after)
