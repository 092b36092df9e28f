"""A store in SQLite, moved to PostgreSQL with all that it holds."""

import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.oauth.test_signin_store import flow, session
from tests.store.conftest import Stage
from tests.store.vault.test_rows import KEY, credential, row

from hardpoint.core.errors import ConfigurationError, StoreError, StoreUnavailableError
from hardpoint.oauth.sessions import SigninStore
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.copying import CopyRefusedError, StoreCount, copy_store
from hardpoint.store.driver import Outcome, Refusals, Stored
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.postgres.vault import VaultDatabase
from hardpoint.store.sqlite import SqliteReader, SqliteStore
from hardpoint.store.vault import ApiKeyRow, ApiKeyRows
from hardpoint.store.vault.file import VaultFile

KILLS = int(os.environ.get("HARDPOINT_KILLS", "2"))
EVENTS = 10_000
PATIENCE = 90.0
ODD = "a\0b\ud800" + "x" * 5_000
"""An id that no engine can hold as it came."""

API_KEY = ApiKeyRow(
    id="k", prefix="hpk_a", hash=b"h", name="\u00e4", scopes="a b", tenant="t", created_at=1.0
)


def intent(key, scope="acme", **facts):
    return Intent(scope=scope, key=key, fingerprint=b"f", **facts)


async def busy(desk):
    """A bit of everything that a store may hold."""
    await desk.accept("evt_done", b"1", handlers=("mark_paid", "receipt"))
    (lease,) = await desk.claim(1)
    await desk.complete(lease, Outcome.FAILED, error="no", retry_in=0.0)
    (lease,) = await desk.claim(1)
    await desk.complete(lease)
    await desk.accept("evt_dead", b"2")
    (lease,) = await desk.claim(1)
    await desk.complete(lease, Outcome.DEAD, reason="permanent", error="never")
    await desk.accept("evt_again", b"3", handlers=("forward",))
    assert await desk.store.replay(
        (await desk.accept("evt_again", b"3")).id, ["receipt"], actor="ann", reason="so"
    )
    await desk.accept(ODD, b"4", handlers=())
    await desk.accept("evt_asserted", b"5", asserted=True)
    repeat = await desk.accept("evt_other_id", b"5", asserted=True)
    assert repeat.stored is Stored.QUARANTINED
    await desk.accept(None, b"{", malformed="no JSON")
    await desk.store.refuse([Refusals("billing", "stale", 7, 3)])
    journal = desk.stage.journal(desk.store)
    for scope in ("acme", "once:acme"):
        await journal.begin(intent("done", scope, likeness=b"l"))
        await journal.end(intent("done", scope, likeness=b"l"), b"result", "pi_1")
        await journal.begin(intent("open", scope))
        journal.leave(intent("open", scope))
    await desk.settled()


@pytest.fixture
def source(tmp_path):
    """A store in SQLite with something of everything, and its vault."""
    stage = Stage(tmp_path)
    stage.play(busy)
    vault = VaultFile(tmp_path / "vault.db")
    vault.open()
    with vault.transaction() as rows:
        rows.save(row(account="ä"))
        rows.add_credential(KEY, credential())
        rows.key_check("k1", b"check")
    with vault.transaction() as rows:
        ApiKeyRows(rows).add(API_KEY)
        ApiKeyRows(rows).use_up("n", until=1.0, now=0.0)
    signin = SigninStore(vault, BlockingWork())
    run(signin.put_session(session("s-1")))
    run(signin.put_flow(flow("f-1"), most=20, now=0.0))
    return stage


def moved(source, pg, **options):
    return copy_store(
        f"sqlite:{source.path}", pg.url, vault=source.path.with_name("vault.db"), **options
    )


def seen(reader):
    with closing(reader):
        events = reader.events(limit=1000)
        return (
            events,
            [reader.event(one.id) for one in events],
            reader.dead_letters(limit=1000),
            reader.refused(since=0.0),
        )


def test_all_that_it_holds_is_there_and_means_the_same(source, pg):
    told = []
    report = moved(source, pg, progress=lambda *step: told.append(step))
    assert not report.resumed
    assert not report.finished
    assert ("event", 7, 7) in told
    assert seen(pg.reader(None)) == seen(SqliteReader(source.path))
    counts = {(one.kind, one.state): one.rows for one in report.counts}
    assert counts["events", "quarantined"] == 2
    assert counts["jobs", "waiting"] == 4
    assert counts["attempts", "failed"] == 1
    assert counts["dead letters", "permanent"] == 1
    assert counts["calls", "open"] == counts["once keys", "done"] == 1
    assert counts["refusals", "billing"] == 3
    assert counts["api keys", "issued"] == counts["nonces", "used up"] == 1
    assert counts["sessions", "open"] == counts["flows", "under way"] == 1

    async def on(desk):
        for body, facts in [
            (b"1", {"vendor_id": "evt_done"}),
            (b"4", {"vendor_id": ODD}),
            (b"5", {"vendor_id": "evt_asserted", "asserted": True}),
            (b"5", {"vendor_id": "evt_other_id", "asserted": True}),
            (b"{", {"vendor_id": None, "malformed": "no JSON"}),
        ]:
            again = await desk.accept(body=body, **facts)
            assert again.stored is Stored.DUPLICATE, facts
        third = await desk.accept("evt_third_id", b"5", asserted=True)
        assert third.stored is Stored.QUARANTINED
        assert (await desk.accept("evt_done", b"other")).stored is Stored.CONFLICT
        leases = await desk.claim(9, lanes=("mark_paid", "receipt", "forward/billing"))
        assert sorted((one.handler, one.event.body) for one in leases) == [
            ("forward", b"3"),
            ("mark_paid", b"5"),
            ("receipt", b"1"),
            ("receipt", b"3"),
        ]
        journal = desk.stage.journal(desk.store)
        done = await journal.begin(intent("done", likeness=b"l"))
        assert (done.standing, done.result) == (Standing.DONE, b"result")
        assert (await journal.begin(intent("open", "once:acme"))).standing is Standing.OPEN

    pg.play(on)
    vault = VaultDatabase(pg.url, spool=source.path)
    with vault.reading() as rows:
        assert rows.connection(KEY) == row(account="ä")
        assert rows.credential(KEY, 1) == credential()
        assert ApiKeyRows(rows).named("hpk_a") == API_KEY
    assert run(SigninStore(vault, BlockingWork()).find_session("s-1")).user == "ada"
    vault.close()


def test_a_second_run_says_that_it_was_copied_and_a_use_in_between_is_noticed(source, pg):
    report = moved(source, pg)
    again = moved(source, pg)
    assert again.finished
    assert again.counts == report.counts

    async def more(desk):
        await desk.accept("evt_more")

    source.play(more)
    with pytest.raises(CopyRefusedError, match="in use since it was copied"):
        moved(source, pg)


def test_a_source_that_was_opened_since_and_holds_the_same_was_copied_all_the_same(source, pg):
    """A second run may have been killed before it could say so."""
    moved(source, pg)

    async def nothing(desk):
        """It is opened."""

    source.play(nothing)
    assert moved(source, pg).finished


def test_a_source_that_is_used_is_refused_unless_it_is_a_rehearsal(source, pg):
    async def story(desk):
        await desk.accept("evt_in_flight", lease=True)
        with pytest.raises(CopyRefusedError, match="in use by process") as caught:
            await asyncio.to_thread(moved, source, pg)
        assert "--running" in caught.value.hint
        report = await asyncio.to_thread(moved, source, pg, running=True)
        assert StoreCount("jobs", "suspect", 1) in report.counts

    source.play(story)
    with pytest.raises(CopyRefusedError, match="in use since it was copied"):
        moved(source, pg)


def test_what_the_database_holds_already_is_not_touched(source, pg):
    async def story(desk):
        with pytest.raises(CopyRefusedError, match="processes work on the store"):
            await asyncio.to_thread(moved, source, pg)
        await desk.accept("evt_own")

    pg.play(story)
    with pytest.raises(CopyRefusedError, match="a content of its own"):
        moved(source, pg)
    assert [one.vendor_id for one in seen(pg.reader(None))[0]] == ["evt_own"]


def begun_from(pg, file, **facts):
    mark = json.dumps({"file": file, "boot": 1, **facts})
    pg.database.beside.execute("insert into hardpoint.meta values ('copying', %s)", [mark])


def test_a_copy_that_has_not_ended_is_no_store_and_takes_no_other(source, pg):
    begun_from(pg, "/elsewhere.db (7)")
    with pytest.raises(StoreUnavailableError, match="hardpoint store copy"):
        pg.reader(None)
    with pytest.raises(StoreUnavailableError, match="hardpoint store copy"):
        asyncio.run(pg.build().open())
    with pytest.raises(CopyRefusedError, match="from /elsewhere"):
        moved(source, pg)


def test_two_copies_at_a_time_are_refused(source, pg):
    lock = "hashtextextended('hardpoint copy', 0)"
    pg.database.beside.execute(f"select pg_advisory_lock({lock})")
    try:
        with pytest.raises(CopyRefusedError, match="under way"):
            moved(source, pg)
    finally:
        pg.database.beside.execute(f"select pg_advisory_unlock({lock})")


def test_a_copy_that_counts_otherwise_is_not_a_store(source, pg):
    pg.database.beside.execute(
        "create function hardpoint.lose() returns trigger language plpgsql as"
        " $$ begin return null; end $$;"
        "create trigger lose before insert on hardpoint.dead"
        " for each row execute function hardpoint.lose()"
    )
    try:
        with pytest.raises(StoreError, match="dead letters differ"):
            moved(source, pg)
    finally:
        pg.database.beside.execute("drop function hardpoint.lose() cascade")
    with pytest.raises(StoreUnavailableError, match="not ended"):
        pg.reader(None)


@pytest.mark.parametrize(
    ("source", "target", "error", "says"),
    [
        ("postgresql://a", "postgresql://b", ConfigurationError, "is not a store in SQLite"),
        ("sqlite:a.db", "sqlite:b.db", ConfigurationError, "is not a database of PostgreSQL"),
        ("sqlite:/nowhere/a.db", "postgresql://b", StoreUnavailableError, "does not exist"),
    ],
)
def test_what_cannot_be_copied_is_named(source, target, error, says):
    with pytest.raises(error, match=says):
        copy_store(source, target)


def test_a_vault_that_is_not_there_is_not_made(source, pg, tmp_path):
    missing = tmp_path / "missing.db"
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        copy_store(f"sqlite:{source.path}", pg.url, vault=missing)
    assert not missing.exists()


def test_a_file_of_before_is_brought_up_first_where_it_may_be(source, pg):
    with closing(sqlite3.connect(source.path)) as connection:
        connection.execute("update hardpoint_meta set value = 4 where name = 'schema'")
        connection.execute("drop index hardpoint_call_holder")
        for column in ("holder", "token"):
            connection.execute(f"alter table hardpoint_call drop column {column}")
        connection.commit()
    with pytest.raises(StoreUnavailableError, match="schema 4"):
        moved(source, pg, running=True)
    assert not moved(source, pg).finished


def test_calls_that_are_being_made_are_waited_for(source, pg):
    live = SqliteStore(source.path.with_name("other.db")).session  # a process of its own, say
    live._folder = Path(f"{source.path.resolve()}.live")
    live.hold()

    def held_by(name):
        with closing(sqlite3.connect(source.path)) as connection:
            connection.execute(
                "update hardpoint_call set holder = ?, token = 1, doubted_at = null"
                " where ended_at is null",
                [name],
            )
            connection.commit()

    held_by(live.name)
    with pytest.raises(CopyRefusedError, match="2 calls are being made"):
        moved(source, pg, patience=0.2)
    live.release()
    assert StoreCount("calls", "open", 1) in moved(source, pg, patience=60.0).counts


# Under kills

_FACTS = "select value from hardpoint.meta where name = 'copying'"
_OTHERS = (
    "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory):
    """A store with ten thousand events, some of them handled."""
    stage = Stage(tmp_path_factory.mktemp("large"))

    async def story(desk):
        for start in range(0, EVENTS, 1_000):
            made = [desk.make(f"evt_{start + one}", b"{}" * 500) for one in range(1_000)]
            await asyncio.gather(*map(desk.submit, made))
        await asyncio.gather(*map(desk.complete, await desk.claim(2_000)))

    stage.play(story)
    return stage


def copying(stage, pg):
    command = "from hardpoint.cli.main import script; script()"
    arguments = ["store", "copy", "--json", f"sqlite:{stage.path}", pg.url]
    return subprocess.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE)


@pytest.fixture
def turnstile(pg):
    """Nobody writes an attempt while this connection holds its lock."""
    pg.database.beside.execute(
        "create function hardpoint.wait() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock(77); return null; end $$;"
        "create trigger wait before insert on hardpoint.attempt"
        " for each statement execute function hardpoint.wait()"
    )
    pg.database.beside.execute("select pg_advisory_lock(77)")
    yield lambda: pg.database.beside.execute("select pg_advisory_unlock_all()")
    pg.database.beside.execute("select pg_advisory_unlock_all()")
    pg.database.beside.execute("drop function hardpoint.wait() cascade")


def test_killed_in_the_middle_it_goes_on_where_it_was(ten_thousand, pg, turnstile):
    beside = pg.database.beside
    first = copying(ten_thousand, pg)
    until = time.monotonic() + PATIENCE
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while not beside.execute(waiting).fetchone()[0]:
        assert time.monotonic() < until, "it did not come so far"
        assert first.poll() is None, "it ended"
        time.sleep(0.02)
    assert json.loads(beside.execute(_FACTS).fetchone()[0])["table"] == 2  # the jobs are through
    first.kill()
    first.communicate()
    beside.execute(_OTHERS)
    turnstile()
    second = copying(ten_thousand, pg)
    answer = json.loads(second.communicate(timeout=PATIENCE)[0])
    assert second.returncode == 0, answer
    assert answer["data"]["resumed"]
    whole(pg, answer["data"]["counts"])


def test_killed_at_any_point_it_is_whole_in_the_end(ten_thousand, pg):
    choose = random.Random(4)
    for _ in range(KILLS):
        process = copying(ten_thousand, pg)
        try:
            process.wait(0.3 + 2 * choose.random())
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        pg.database.beside.execute(_OTHERS)
    last = copying(ten_thousand, pg)
    answer = json.loads(last.communicate(timeout=PATIENCE)[0])
    assert last.returncode == 0, answer
    whole(pg, answer["data"]["counts"])


def whole(pg, counts):
    found = {(one["kind"], one["state"]): one["count"] for one in counts}
    assert found == {
        ("events", "with handlers"): EVENTS,
        ("bodies", "kept"): EVENTS,
        ("bodies", "bytes"): EVENTS * 1_000,
        ("jobs", "waiting"): EVENTS - 2_000,
        ("attempts", "done"): 2_000,
    }
    rows = "select count(distinct id), count(distinct dedupe) from hardpoint.event"
    assert pg.database.beside.execute(rows).fetchone() == (EVENTS, EVENTS)
