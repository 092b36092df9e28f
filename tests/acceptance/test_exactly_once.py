"""Promises 2, 3 and 4: nothing acknowledged is lost, nothing repeated is done twice."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from hardpoint.store.driver import Outcome, Stored
from hardpoint.store.views import State
from hardpoint.webhooks.answers import STORED
from hardpoint.webhooks.reception import EventReceived


def marks_paid(shop, **options):
    """A handler that counts in the transaction of its completion how often an order is paid."""
    shop.sql("create table paid (id text primary key, times integer)")

    @shop.hub.on("billing", name="mark_paid", **options)
    async def mark_paid(event, job):
        job.write(
            lambda tx: tx.execute(
                "insert into paid values (?, 1) on conflict (id) do update set times = times + 1",
                [event.json()["order"]],
            )
        )


def test_promise_2_no_2xx_before_the_event_is_durably_committed(shop):
    async def scenario():
        answered = shop.pay("1001")
        seen = []
        answered.add_done_callback(lambda _: seen.append(len(shop.events())))
        assert await answered == STORED
        await asyncio.sleep(0)
        return seen

    assert shop.open(scenario) == [1]


def test_promise_3_one_event_for_a_hundred_deliveries_at_once(shop):
    """E16"""
    marks_paid(shop)

    async def scenario():
        answers = await asyncio.gather(*(shop.pay("1001") for _ in range(100)))
        await shop.until(shop.attempts)
        return answers

    assert shop.open(scenario) == [STORED] * 100
    assert len(shop.events()) == len(shop.attempts()) == 1
    assert shop.sql("select * from paid") == [("1001", 1)]


def test_promise_3_a_repeat_is_known_after_restarts_and_however_late(shop, reopened):
    """E12"""
    marks_paid(shop)

    async def first():
        await shop.pay("1001")
        await shop.until(shop.attempts)

    shop.open(first)
    again = reopened()
    again.hub.on("billing", name="mark_paid")(lambda event, job: None)

    async def second():
        return await again.pay("1001")

    assert again.open(second) == STORED
    assert again.attempts() == []
    (received,) = [event for event in again.told if isinstance(event, EventReceived)]
    assert received.stored is Stored.DUPLICATE


def test_promise_3_the_same_id_with_another_body_keeps_the_first_and_says_so(shop):
    """E13"""

    async def scenario():
        return [await shop.pay("1001", "evt_1"), await shop.pay("9999", "evt_1")]

    assert shop.open(scenario) == [STORED, STORED]
    (view,) = shop.read(lambda reader: reader.event("evt_1"))
    assert b"1001" in view.body
    assert shop.read(lambda reader: reader.refusals()) == {"billing": {"conflict": 1}}


@pytest.mark.parametrize(
    ("delivery", "event_type"), [("d-2", "push"), ("d-1", "release"), ("d-3", "release")]
)
def test_promise_3_an_id_the_signature_does_not_cover_cannot_defeat_dedupe(
    shop, delivery, event_type
):
    """GitHub signs the body alone: id and type are the sender's word."""
    ran = []

    @shop.hub.on("code")
    async def deploy(event, job):
        ran.append(event.vendor_id)

    async def scenario():
        answers = [await shop.push(b'{"ref": "main"}', "d-1")]
        answers.append(await shop.push(b'{"ref": "main"}', delivery, event_type))
        answers.append(await shop.push(b'{"ref": "main"}', delivery, event_type))
        await shop.until(shop.attempts)
        return answers

    assert shop.open(scenario) == [STORED] * 3
    assert ran == ["d-1"]
    assert sorted(event.state for event in shop.events()) == [State.DONE, State.QUARANTINED]


def test_promise_3_seen_is_not_done_a_redelivery_after_a_failure_loses_nothing(shop):
    """E23: the handler fails once, then the vendor delivers again."""
    ran = []

    @shop.hub.on("billing", retry=[0.05])
    async def mark_paid(event, job):
        ran.append(job.failures)
        if job.failures == 0:
            raise ConnectionError("the warehouse does not answer")

    async def scenario():
        await shop.pay("1001")
        await shop.until(lambda: len(shop.attempts()) == 1)
        assert await shop.pay("1001") == STORED
        await shop.until(lambda: len(shop.attempts()) == 2)

    shop.open(scenario)
    assert ran == [0, 1]
    assert [event.state for event in shop.events()] == [State.DONE]


def test_one_of_two_claims_wins(shop):
    """E22"""

    async def scenario():
        await shop.hub.open()
        shop.hub.on("billing", name="mark_paid")(lambda event, job: None)
        await shop.pay("1001")  # nobody runs yet: it is left due
        claims = [shop.hub.store.claim({"mark_paid": 10}) for _ in range(2)]
        leases = await asyncio.gather(*claims)
        await shop.hub.stop()
        return sorted(len(claim.leases) for claim in leases)

    assert asyncio.run(scenario()) == [0, 1]


def test_what_was_under_way_at_a_graceful_stop_is_answered_handed_back_and_handled_once(
    shop, reopened
):
    """E46"""
    marks_paid(shop, retry=[])
    slow = asyncio.Event()

    @shop.hub.on("billing", name="slow")
    async def wait(event, job):
        await slow.wait()

    async def stopped():
        await shop.hub.start()
        answers = [shop.pay(str(number)) for number in range(300)]
        await shop.until(lambda: len(shop.attempts()) > 20)
        late = [shop.pay(str(number)) for number in range(300, 400)]
        await shop.hub.stop(grace=0.05)
        return await asyncio.gather(*answers, *late)

    answers = asyncio.run(stopped())
    assert all(answer == STORED for answer in answers)
    again = reopened()
    marked = []
    again.hub.on("billing", name="slow")(lambda event, job: None)

    @again.hub.on("billing")
    async def mark_paid(event, job):
        marked.append(event)
        job.write(
            lambda tx: tx.execute(
                "insert into paid values (?, 1) on conflict (id) do update set times = times + 1",
                [event.json()["order"]],
            )
        )

    async def after():
        await again.until(
            lambda: again.read(lambda reader: reader.counts())[State.DONE.value] == 400
        )

    again.open(after)
    assert shop.sql("select count(*), max(times) from paid") == [(400, 1)]
    assert again.sql("select max(suspect) from hardpoint_job") == [(None,)]
    assert {attempt.attempt for attempt in again.attempts()} <= {1, 2}


CHILD = """
    import asyncio, os, signal, sqlite3, sys
    from hardpoint import Hub

    kill_at = sys.argv[1]
    hub = Hub.load("hardpoint.toml", listeners=[lambda event: at(type(event).__name__)])

    def at(point):
        if point == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def count(connection, event):
        connection.execute("create table if not exists paid (id text, how text)")
        connection.execute("insert into paid values (?, ?)", [event.json()["order"], "here"])

    @hub.on("billing", name="writes")
    async def writes(event, job):
        at("before the write")
        job.write(lambda tx: count(tx, event))
        job.write(lambda tx: at("in the transaction"))

    @hub.on("code", name="joins")
    def joins(event, job):
        connection = sqlite3.connect("shop.db")
        with job.complete_in(connection):
            count(connection, event)
            at("in the block")
        at("after the block")

    async def main():
        async with hub:
            while hub.worker.running or await hub.store.next_due(hub.handlers.names()) is not None:
                await asyncio.sleep(0.01)

    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("source", "point"),
    [
        ("billing", "before the write"),
        ("billing", "in the transaction"),
        ("billing", "HandlerFinished"),
        ("code", "in the block"),
        ("code", "after the block"),
        ("code", "HandlerFinished"),
    ],
)
def test_promise_4_a_process_that_dies_around_the_business_write_makes_it_exactly_once(
    shop, source, point
):
    """E19"""
    (shop.folder / "child.py").write_text(textwrap.dedent(CHILD))

    def run(kill_at):
        command = [sys.executable, "child.py", kill_at]
        return subprocess.run(command, cwd=shop.folder, timeout=60, check=False).returncode

    async def accept_only():
        await shop.hub.open()
        name = {"billing": "writes", "code": "joins"}[source]
        shop.hub.on(source, name=name)(lambda event, job: None)
        post = shop.pay("1001") if source == "billing" else shop.push(b'{"order": "1001"}', "d-1")
        assert await post == STORED
        await shop.hub.stop()

    asyncio.run(accept_only())
    assert run(point) == -9
    assert run("never") == 0
    assert shop.sql("select id from paid") == [("1001",)]
    assert [event.state for event in shop.events()] == [State.DONE]


POISON = """
    import asyncio, os
    from hardpoint import Hub

    hub = Hub.load("hardpoint.toml")

    @hub.on("billing")
    async def handle(event, job):
        await asyncio.sleep(0.01)
        if event.vendor_id == "evt_poison":
            os._exit(9)

    async def main():
        async with hub:
            while hub.worker.running or await hub.store.next_due(hub.handlers.names()) is not None:
                await asyncio.sleep(0.01)

    asyncio.run(main())
"""


def test_a_job_that_kills_the_process_is_given_up_and_harmless_ones_never_are(shop):
    """E20"""
    (shop.folder / "child.py").write_text(textwrap.dedent(POISON))
    shop.hub.on("billing", name="handle")(lambda event, job: None)

    async def accept_only():
        await shop.hub.open()
        ids = [f"evt_{number}" for number in range(30)]
        await asyncio.gather(*(shop.pay(one, one) for one in [*ids[:15], "evt_poison", *ids[15:]]))
        await shop.hub.stop()

    asyncio.run(accept_only())
    ends = []
    while not ends or ends[-1] != 0:
        command = [sys.executable, "child.py"]
        ended = subprocess.run(command, cwd=shop.folder, timeout=60, check=False)
        ends.append(ended.returncode)
        assert len(ends) < 10

    assert ends == [9, 9, 9, 0]  # once among others, twice alone
    (dead,) = shop.read(lambda reader: reader.dead_letters())
    assert (dead.vendor_id, dead.reason) == ("evt_poison", "crash")
    counts = shop.read(lambda reader: reader.counts())
    assert (counts[State.DONE.value], counts[State.DEAD.value]) == (30, 1)


def test_promise_4_a_write_that_lost_its_lease_is_not_made(shop):
    """E21"""
    shop.sql("create table paid (id text)")
    go_on = asyncio.Event()

    @shop.hub.on("billing", name="slow")
    async def slow(event, job):
        job.write(lambda tx: tx.execute("insert into paid values (?)", [job.attempt]))
        if job.attempt == 1:
            await go_on.wait()

    async def scenario():
        await shop.pay("1001")
        await shop.until(lambda: shop.hub.worker.running)
        await shop.hub.store.release_all()
        (stolen,) = (await shop.hub.store.claim({"slow": 1})).leases
        await shop.hub.store.release_all()
        shop.hub.worker.notify()
        await shop.until(lambda: len(shop.attempts()) == 1)
        go_on.set()
        await shop.until(lambda: len(shop.attempts()) == 2)
        return stolen

    shop.open(scenario)
    assert [(a.attempt, a.outcome, a.refused) for a in shop.attempts()] == [
        (3, Outcome.DONE, False),
        (1, Outcome.DONE, True),
    ]
    assert shop.sql("select * from paid") == [("3",)]


def test_what_the_application_reads_itself_stays_beside_the_hub(shop):
    """A connection of the application's own may stay open while the hub writes."""
    marks_paid(shop)
    with contextlib.closing(sqlite3.connect(shop.database)) as own:

        async def scenario():
            await shop.pay("1001")
            await shop.until(shop.attempts)

        shop.open(scenario)
        assert own.execute("select * from paid").fetchall() == [("1001", 1)]
