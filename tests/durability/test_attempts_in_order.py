"""What "at least once" means for a plain handler: an event is handled twice only after a death.

Handlers here do something outside the store, as most do: they write into a file when they begin and
when they end. Workers die under load. Where an event was handled again, the attempt before had not
been recorded, the process that made it had been killed, and the next one began after that. What is
written with `job.write` or `complete_in` beside it is there once.

`HARDPOINT_SEED` and `HARDPOINT_KILLS` as in `test_serving_process`.
"""

import asyncio
import os
import random
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from tests.durability.test_serving_process import (
    Vendor,
    Workers,
    check,
    clients,
    deaths,
    last_life,
    until_served,
)

KILLS = int(os.environ.get("HARDPOINT_KILLS", "4"))
MARKING = """
    import asyncio
    import os

    marks = os.open("marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def mark(event, job, what):
        line = f"{event.id} {job.handler} {job.attempt} {os.getpid()} {what} {time.monotonic()}\\n"
        os.write(marks, line.encode())

    @hub.on("billing", "*", name="plain")
    def plain(event, job):
        mark(event, job, "begun")
        time.sleep(0.02)
        mark(event, job, "ended")

    @hub.on("billing", "*", name="awaited")
    async def awaited(event, job):
        mark(event, job, "begun")
        await asyncio.sleep(0.02)
        mark(event, job, "ended")
"""
MARKED = ("plain", "awaited")


class Attempt:
    """What one attempt has written, and its process."""

    def __init__(self, number):
        self.number = number
        self.pids = set()
        self.begun = self.ended = None

    def __repr__(self):
        return f"attempt {self.number} in {self.pids}, {self.begun} to {self.ended}"


class Marks(Workers):
    """Three workers, and the marks of their handlers."""

    count = 3

    def __init__(self, folder):
        super().__init__(folder)
        with (folder / "application.py").open("a") as code:
            code.write(MARKING.replace("\n    ", "\n"))

    def attempts(self):
        """What was written about each job, in the order of its attempts."""
        found = defaultdict(dict)
        for line in (self.folder / "marks").read_text().splitlines():
            event, handler, number, pid, what, at = line.split()
            number = int(number)
            attempt = found[event, handler].setdefault(number, Attempt(number))
            attempt.pids.add(int(pid))
            setattr(attempt, what, float(at))
        return {job: [made[number] for number in sorted(made)] for job, made in found.items()}

    def recorded(self):
        """The attempts of each job that the store has as done."""
        done = defaultdict(list)
        statement = "select event, handler, number from hardpoint_attempt where outcome = 'done'"
        for event, handler, number in self.sql(statement):
            done[event, handler].append(number)
        return done


def check_marks(attempts, recorded, killed, events):
    """Raises where the deaths do not explain the marks; gives how many jobs ended twice."""
    assert attempts.keys() == {(event, handler) for event in events for handler in MARKED}
    repeated = 0
    for job, made in attempts.items():
        assert all(len(one.pids) == 1 for one in made), (job, made)  # nobody made another's attempt
        assert recorded[job] == [made[-1].number], (job, made, recorded[job])
        assert made[-1].ended is not None, (job, made)
        for one, then in pairwise(made):
            (pid,) = one.pids
            assert pid in killed, (job, made)
            assert then.begun > killed[pid], (job, made, killed[pid])
        repeated += any(one.ended is not None for one in made[:-1])
    return repeated


def test_what_is_handled_twice_was_under_way_in_a_process_that_was_killed(tmp_path):
    seed = int(os.environ.get("HARDPOINT_SEED") or random.SystemRandom().randrange(1 << 32))
    shop, vendor, chance = Marks(tmp_path), Vendor(), random.Random(seed)

    async def life():
        parent = shop.serve_by_workers()
        try:
            await until_served(shop)
            dying = asyncio.create_task(deaths(shop, vendor, parent, chance, KILLS))
            await clients(shop, vendor, dying.done)
            # Their end is not orderly either: what they have not recorded is handled again.
            killed = dict.fromkeys(await asyncio.to_thread(shop.workers, parent), time.monotonic())
            parent.kill()
            for pid in killed:
                os.kill(pid, 9)
            return killed | await dying
        finally:
            parent.kill()
            await asyncio.to_thread(parent.wait)

    async def lives():
        killed = await life()
        await last_life(shop, vendor)
        return killed

    try:
        killed = asyncio.run(lives())
        check(shop, vendor)
        events = {event for (event,) in shop.sql("select id from hardpoint_event")}
        check_marks(shop.attempts(), shop.recorded(), killed, events)
    except BaseException as error:
        error.add_note(f"repeat with HARDPOINT_SEED={seed}")
        raise


def attempt(number, pid, begun, ended):
    made = Attempt(number)
    made.pids, made.begun, made.ended = {pid}, begun, ended
    return made


@pytest.mark.parametrize(
    ("made", "recorded", "killed"),
    [
        ([attempt(1, 7, 1, 2), attempt(2, 8, 3, 4)], [2], {}),  # nobody died
        ([attempt(1, 7, 1, 2), attempt(2, 8, 3, 4)], [2], {7: 3.5}),  # side by side
        ([attempt(1, 7, 1, 2), attempt(2, 8, 3, 4)], [1, 2], {7: 2.5}),  # it had been recorded
        ([attempt(1, 7, 1, None)], [1], {}),  # recorded as done, and was not
    ],
)
def test_a_promise_that_is_broken_would_be_noticed(made, recorded, killed):
    sound = [attempt(1, 7, 1, 2)]
    jobs = {("e", "awaited"): sound, ("e", "plain"): made}
    with pytest.raises(AssertionError):
        check_marks(jobs, {("e", "awaited"): [1], ("e", "plain"): recorded}, killed, {"e"})
    twice = {("e", one): [attempt(1, 7, 1, 2), attempt(2, 8, 3, 4)] for one in MARKED}
    assert check_marks(twice, {job: [2] for job in twice}, {7: 2.5}, {"e"}) == 2
