"""What goes wrong once in a thousand times, tried that often by `make durability`."""

import asyncio
import os
import random

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import Completed, Stored

LONG = "HARDPOINT_KILLS" in os.environ
CUTS = 1_000 if LONG else 12
ROUNDS = {"covered": 1_000, "asserted": 100, "the same bodies": 100}
SAME = 200 if LONG else 40
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


def test_wherever_an_answer_is_cut_off_everybody_is_told_the_truth(cut_off, wire):
    """The batch arrived, and of its answer so many bytes come; then the line is dead."""
    choose = random.Random(7)

    async def story(desk):
        told, unsure = {}, set()
        for number in range(CUTS):
            names = [f"evt_{number}_{index}" for index in range(4)]
            again = f"evt_{max(0, number - 1)}_0"
            events = [
                desk.make(name, name.encode(), asserted=index == 3, lease=index == 0)
                for index, name in enumerate(names)
            ]
            events.append(desk.make(again, again.encode()))
            wire.cut, wire.cut_after = 1, choose.randrange(200)
            answers = await asyncio.gather(*map(desk.submit, events))
            for event, answer in zip(events, answers, strict=True):
                if isinstance(answer, StoreUnavailableError):
                    unsure.add(event.vendor_id)
                elif event.vendor_id in told:
                    assert (answer.stored, answer.id) == (Stored.DUPLICATE, told[event.vendor_id])
                else:
                    known = event.vendor_id in unsure
                    assert known or (answer.stored, answer.id) == (Stored.NEW, event.id)
                    told[event.vendor_id] = answer.id
            if not isinstance(answers[0], StoreUnavailableError):
                lease = desk.lease_of(events[0])
                wire.cut = choose.randrange(2)
                assert await desk.complete(lease) is Completed.RECORDED
        wire.cut = 0
        stored = {name: str(identifier) for identifier, name in desk.query(_EVENTS)}
        assert told.items() <= stored.items()
        assert stored.keys() <= {*told, *unsure}
        await desk.store.beat()  # which gives back what nobody was told of
        assert desk.query(_LEASED) == [(0,)]

    cut_off.play(story)


_EVENTS = "select id, vendor_id from hardpoint_event"
_LEASED = "select count(*) from hardpoint_job where owner is not null"


@pytest.mark.parametrize("kind", ["covered", "asserted", "the same bodies"])
def test_two_processes_that_store_the_same_never_wait_in_a_circle(pg, kind):
    """Each in an order of its own."""
    choose = random.Random(7)

    beside = pg.database.beside
    before = beside.execute(_DEADLOCKS).fetchone()

    async def story(desk):
        other = pg.build()
        await other.open()
        desks = [desk, pg.desk(other)]
        for number in range(ROUNDS[kind] if LONG else 3):
            work = []
            for index, one in enumerate(desks):
                names = [f"{number}_{key}" for key in range(SAME)]
                choose.shuffle(names)
                for name in names:
                    key = name if kind != "the same bodies" else f"{name}_{index}"
                    work.append(
                        one.submit(desk.make(key, name.encode(), asserted=kind != "covered"))
                    )
            answers = await asyncio.gather(*work)
            kinds = [answer.stored for answer in answers]
            assert kinds.count(Stored.NEW) == SAME
            repeated = Stored.QUARANTINED if kind == "the same bodies" else Stored.DUPLICATE
            assert kinds.count(repeated) == SAME
        await other.close()

    pg.play(story)
    assert beside.execute(_DEADLOCKS).fetchone() == before
