import asyncio
import contextlib
import os
import sqlite3
import threading

import msgspec
import pytest

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.store.driver import Outcome
from hardpoint.store.journal import Intent, JobName, Standing
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteReader
from hardpoint.store.views import State, StoreReader


async def one_of_each(desk):
    """Events in every state, named after it."""
    await desk.accept("pending", handlers=("a", "b"))
    for name, outcome in (("done", Outcome.DONE), ("dead", Outcome.DEAD)):
        await desk.complete(await desk.leased(name), outcome, error=f"{name} error")
    await desk.complete(await desk.leased("skipped"), Outcome.SKIPPED)
    await desk.accept("unheard", handlers=(), type="ping")
    await desk.accept(None, b"{", malformed="not JSON", source="shop")


def test_it_is_a_store_reader(stage):
    async def story(desk):
        reader: StoreReader = desk.look()
        names = [name for name in vars(StoreReader) if not name.startswith("_")]
        assert all(hasattr(reader, name) for name in names)
        reader.close()

    stage.play(story)


def test_counts_by_state(stage):
    async def story(desk):
        await one_of_each(desk)
        reader = desk.look()
        assert reader.counts() == {
            "pending": 1,
            "done": 1,
            "skipped": 2,
            "dead": 1,
            "needs_reconcile": 0,
            "resolved": 0,
            "quarantined": 1,
            "total": 6,
        }
        reader.close()

    stage.play(story)


def test_an_empty_store_is_full_of_zeros(stage):
    async def story(desk):
        reader = desk.look()
        assert set(reader.counts().values()) == {0}
        assert reader.events() == reader.dead_letters() == reader.event("evt_1") == []
        assert reader.refusals() == {}
        reader.close()

    stage.play(story)


def test_listings_narrow_by_state_source_and_type(stage):
    async def story(desk):
        await one_of_each(desk)
        reader = desk.look()

        def names(**wanted):
            return [row.vendor_id for row in reader.events(**wanted)]

        assert names() == [None, "unheard", "skipped", "dead", "done", "pending"]
        assert names(state=State.PENDING) == ["pending"]
        assert names(state=State.DONE) == ["done"]
        assert names(state=State.SKIPPED) == ["unheard", "skipped"]
        assert names(state=State.DEAD) == ["dead"]
        assert names(state=State.QUARANTINED) == [None]
        assert names(source="shop") == [None]
        assert names(event_type="ping") == ["unheard"]
        assert names(event_type="pay*.succeeded", state=State.DEAD) == ["dead"]
        assert names(event_type="nothing") == []
        reader.close()

    stage.play(story)


def test_states_agree_with_themselves_wherever_they_are_asked_for(stage):
    async def story(desk):
        await one_of_each(desk)
        lease = (await desk.claim(lanes=("a",)))[0]
        await desk.complete(lease, Outcome.DEAD)  # "pending" has a dead job now, and one to do
        reader = desk.look()
        counts = reader.counts()
        for state in State:
            rows = reader.events(state=state)
            assert len(rows) == counts[state]
            for row in rows:
                (view,) = reader.event(row.id)
                assert view.summary == row
                assert row.state is state
        assert counts["dead"] == counts["pending"] == 1
        reader.close()

    stage.play(story)


def test_pages_follow_on_without_gap_or_repeat(stage):
    async def story(desk):
        for number in range(25):
            await desk.accept(f"evt_{number}")
        reader = desk.look()
        seen, before = [], None
        while page := reader.events(limit=10, before=before):
            seen += [row.vendor_id for row in page]
            before = page[-1].id
        assert seen == [f"evt_{number}" for number in reversed(range(25))]
        reader.close()

    stage.play(story)


def test_an_event_is_found_by_our_id_and_by_every_use_of_the_vendor_s(stage):
    async def story(desk):
        ours = [
            (await desk.accept("evt_1")).id,
            (await desk.accept("evt_1", account="acct_1")).id,
            (await desk.accept("evt_1", b"2", source="shop", asserted=True)).id,
            (await desk.accept("evt_1", b"3", source="shop", asserted=True)).id,
        ]
        await desk.accept("evt_10")
        await desk.accept("evt_2")
        reader = desk.look()
        assert [view.summary.id for view in reader.event("evt_1")] == sorted(ours, reverse=True)
        (view,) = reader.event(ours[1])
        assert view.summary.account == "acct_1"
        assert reader.event("evt_3") == []
        reader.close()

    stage.play(story)


def test_an_event_shows_all_that_is_known_of_it(stage):
    async def story(desk):
        await desk.accept("evt_1", b"body", handlers=("a", "b", "c"), signed_at=7)
        one, two, _ = await desk.claim(lanes=("a", "b", "c"))
        await desk.complete(one, Outcome.FAILED, retry_in=9, error="E: x")
        await desk.complete(two, Outcome.DEAD, reason="permanent", error="P: y")
        reader = desk.look()
        (view,) = reader.event("evt_1")
        reader.close()
        assert (view.body, view.body_bytes, view.signed_at) == (b"body", 4, 7)
        assert view.body_sha256 == desk.make(body=b"body").body_sha256.hex()
        assert view.headers == {"content-type": "application/json"}
        assert (view.summary.state, view.summary.attempts) == (State.PENDING, 2)
        waiting, running = view.jobs
        assert (waiting.handler, waiting.running, waiting.failures) == ("a", False, 1)
        assert (running.handler, running.running, running.crashes) == ("c", True, 0)
        assert [(one.handler, one.outcome) for one in view.attempts] == [
            ("a", Outcome.FAILED),
            ("b", Outcome.DEAD),
        ]
        (letter,) = view.dead
        assert (letter.event, letter.handler, letter.reason) == (
            view.summary.id,
            "b",
            "permanent",
        )

    stage.play(story)


def test_dead_letters_come_newest_first_and_so_many(stage):
    async def story(desk):
        for number in range(5):
            await desk.complete(await desk.leased(f"evt_{number}"), Outcome.DEAD)
            desk.clock.advance(1)
        reader = desk.look()
        assert [one.vendor_id for one in reader.dead_letters(limit=2)] == ["evt_4", "evt_3"]
        assert len(reader.dead_letters()) == 5
        reader.close()

    stage.play(story)


def test_a_reader_never_writes_and_needs_no_server(stage):
    async def story(desk):
        await desk.accept("evt_1")

    stage.play(story)
    before = stage.path.read_bytes()
    reader = SqliteReader(stage.path)
    assert reader.counts()["total"] == 1
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("delete from hardpoint_event")
    reader.close()
    assert stage.path.read_bytes() == before


def test_a_path_with_odd_characters_is_found(tmp_path, stage):
    stage.path = tmp_path / "a ?#%25&mode=rwc.db"

    async def story(desk):
        await desk.accept("evt_1")
        assert len(desk.listing()) == 1

    stage.play(story)


def test_any_thread_may_look(stage):
    async def story(desk):
        await desk.accept("evt_1")
        reader, seen = desk.look(), []
        threads = [
            threading.Thread(target=lambda: seen.append(len(reader.events()))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [1] * 8
        reader.close()

    stage.play(story)


def test_a_look_that_takes_too_long_is_ended(stage):
    async def story(desk):
        await asyncio.gather(*(desk.accept(f"evt_{number}") for number in range(300)))
        reader = SqliteReader(desk.store.path, clock=desk.clock, seconds=-1.0)
        with pytest.raises(StoreUnavailableError, match="more than -1 s; narrow it"):
            reader.events(state=State.DONE, limit=300)
        reader.close()

    stage.play(story)


def test_where_no_store_is_there_is_none_yet(tmp_path):
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        SqliteReader(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreUnavailableError, match="holds no store"):
        SqliteReader(tmp_path / "empty.db")
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        SqliteReader(tmp_path)


def test_damage_found_while_looking_is_told_as_such(stage):
    async def story(desk):
        await asyncio.gather(*(desk.accept(f"evt_{number}") for number in range(200)))

    stage.play(story)
    content = bytearray(stage.path.read_bytes())
    for start in range(4_096 * 30, len(content), 4_096):
        content[start : start + 200] = b"\xff" * 200
    stage.path.write_bytes(content)
    reader = SqliteReader(stage.path)
    with pytest.raises(StoreCorruptError, match="is damaged"):
        reader.events(limit=200)
    reader.close()


def test_a_job_in_doubt_is_a_state_of_its_own_and_its_calls_are_shown(stage):
    hello = Intent(scope="texts:send", key="k1", fingerprint=b"hello")

    async def story(desk):
        journal = StoreJournal(desk.store)
        lease = await desk.leased("evt_1", handlers=("a", "mark_paid"))
        job = JobName(lease.event.id, lease.handler, lease.fence)
        await journal.begin(msgspec.structs.replace(hello, job=job))
        await journal.end(hello, b"{}", "SM1")
        doubt = msgspec.structs.replace(hello, key="k2", job=job)
        await journal.begin(doubt)
        journal.leave(doubt)
        await desk.complete(lease, Outcome.NEEDS_RECONCILE, error="look")
        (other,) = await desk.claim(lanes=("a",))
        await desk.complete(other, Outcome.DEAD)
        now = desk.clock.now()
        reader = desk.look()
        (listed,) = reader.events(state=State.NEEDS_RECONCILE)
        assert listed.state is State.NEEDS_RECONCILE
        assert reader.events(state=State.DEAD) == []
        (view,) = reader.event("evt_1")
        first, second = view.calls
        assert (first.handler, first.scope, first.key) == ("mark_paid", "texts:send", "k1")
        assert (first.started_at, first.ended_at, first.subject) == (now, now, "SM1")
        assert (second.key, second.ended_at, second.subject) == ("k2", None, None)
        assert [one.outcome for one in view.attempts] == [Outcome.DEAD, Outcome.NEEDS_RECONCILE]
        counts = reader.counts()
        assert (counts["needs_reconcile"], counts["dead"], counts["total"]) == (1, 0, 1)
        reader.close()

    stage.play(story)


def test_a_store_of_a_version_before_can_be_read_and_gets_what_it_lacks_when_it_is_opened(stage):
    async def before(desk):
        await desk.accept("evt_1")

    async def after(desk):
        (lease,) = await desk.claim()
        journal = StoreJournal(desk.store)
        assert (
            await journal.begin(Intent(scope="s", key="k", fingerprint=b""))
        ).standing is Standing.NEW
        await desk.complete(lease)

    stage.play(before)
    with contextlib.closing(sqlite3.connect(stage.path)) as connection, connection:
        connection.execute("drop table hardpoint_call")
        connection.execute("alter table hardpoint_attempt drop column place")
        connection.execute("alter table hardpoint_dead drop column place")
        connection.execute("drop index hardpoint_job_lane")
        connection.execute("alter table hardpoint_job drop column lane")
        connection.execute("create index hardpoint_job_run_at on hardpoint_job (run_at)")
        connection.execute("update hardpoint_meta set value = 1 where name = 'schema'")
    with contextlib.closing(SqliteReader(stage.path)) as reader:
        (view,) = reader.event("evt_1")
        assert view.calls == ()
    stage.play(after)


@pytest.mark.parametrize("folder", [b"a b", b"a?b#c%20", b"it's \xff", "caf\u00e9".encode()])
def test_a_store_in_an_oddly_named_folder_is_opened_and_read(stage, tmp_path, folder):
    where = tmp_path / os.fsdecode(folder)
    where.mkdir()
    stage.path = where / "store.db"

    async def story(desk):
        await desk.accept("evt_1")
        assert [one.vendor_id for one in desk.listing()] == ["evt_1"]

    stage.play(story)


def test_an_id_is_shortened_to_what_no_other_event_shares(stage):
    async def story(desk):
        for number in range(20):
            await desk.accept(f"evt_{number}")
        reader = desk.look()
        ids = [row.id for row in reader.events()]
        short = reader.short_ids(ids)
        assert set(short) == set(ids)
        for one, beginning in short.items():
            assert list(reader.beginning(beginning, limit=2)) == [one]
            assert len(beginning) >= 8
            assert not beginning.endswith("-")
        assert list(reader.beginning(ids[0][:8], limit=3)) == sorted(ids)[:3]
        reader.close()

    stage.play(story)


def test_the_only_event_is_named_by_the_first_eight_characters(stage):
    async def story(desk):
        await desk.accept("evt_1")
        reader = desk.look()
        [row] = reader.events()
        assert reader.short_ids([row.id]) == {row.id: row.id[:8]}
        reader.close()

    stage.play(story)
