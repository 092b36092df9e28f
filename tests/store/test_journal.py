"""What every `Journal` does, whatever is behind it, in a loop and in threads alike."""

import asyncio

import pytest

from hardpoint.core.errors import MisuseError, StoreUnavailableError
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Outcome
from hardpoint.store.journal import Found, Intent, JobName, Other, Standing

HELLO = b"hello"


def intent(key="k1", **changes):
    plain = {"scope": "texts:send", "key": key, "fingerprint": HELLO, "likeness": b"like"}
    return Intent(**{**plain, **changes})


class Desk:
    """A journal on an open store, its calls made in one of the two modes."""

    def __init__(self, store, stage, *, blocking):
        self.store, self.clock, self.blocking = store, stage.clock, blocking
        self.journal = stage.journal(store, blocking=blocking)

    async def do(self, work):
        if self.blocking:
            return await asyncio.to_thread(run, work)
        return await work

    async def begin(self, *arguments, **changes):
        return await self.do(self.journal.begin(intent(*arguments, **changes)))

    async def standing(self, *arguments, **changes):
        return (await self.begin(*arguments, **changes)).standing

    async def end(self, key="k1", result=b"1", subject=None, **changes):
        await self.do(self.journal.end(intent(key, **changes), result, subject))

    async def adopt(self, *found, key="k1", others=()):
        found = [Found(subject, subject.encode()) for subject in found]
        others = [Other(subject, look) for subject, look in others]
        return await self.do(self.journal.adopt(intent(key), found, others))

    async def doubt(self, key="k1", **changes):
        """Begin a call whose end nobody knows."""
        assert await self.standing(key, **changes) is Standing.NEW
        self.journal.leave(intent(key, **changes))


@pytest.fixture(params=["loop", "threads"])
def play(request, any_stage):
    """Plays a story on a journal; the file stays from one to the next."""

    def play_one(story):
        async def told(desk):
            await story(Desk(desk.store, any_stage, blocking=request.param == "threads"))

        any_stage.play(told)

    play_one.stage = any_stage
    return play_one


def test_a_new_key_is_written_down_and_a_done_one_gives_its_result(play):
    async def before(desk):
        assert await desk.standing() is Standing.NEW
        await desk.end(result=b"sent")
        assert (await desk.begin()).result == b"sent"

    async def after(desk):
        entry = await desk.begin()
        assert (entry.standing, entry.result) == (Standing.DONE, b"sent")
        assert entry.ended_at == desk.clock.now()

    play(before)
    play(after)


def test_a_key_belongs_to_its_scope_and_to_its_arguments(play):
    async def story(desk):
        assert await desk.standing() is Standing.NEW
        await desk.end()
        assert await desk.standing(fingerprint=b"other") is Standing.OTHER
        assert await desk.standing(scope="texts:call") is Standing.NEW
        assert await desk.standing("k2") is Standing.NEW

    play(story)


def test_while_a_call_is_under_way_no_other_gets_through(play):
    async def story(desk):
        assert await desk.standing() is Standing.NEW
        assert await desk.standing() is Standing.BUSY
        other = play.stage.journal(desk.store)
        assert (await other.begin(intent())).standing is Standing.BUSY
        await desk.end()
        assert await desk.standing() is Standing.DONE

    play(story)


def test_a_freed_key_is_as_if_it_had_never_been_used(play):
    async def story(desk):
        assert await desk.standing() is Standing.NEW
        desk.journal.free(intent())
        assert await desk.standing(fingerprint=b"other") is Standing.NEW

    play(story)


def test_a_call_nobody_knows_the_end_of_stays_open_and_its_doubt_grows_old(play):
    async def story(desk):
        started = desk.clock.now()
        assert await desk.standing() is Standing.NEW
        desk.clock.advance(10)
        desk.journal.leave(intent())
        desk.clock.advance(30)
        entry = await desk.begin()
        assert (entry.standing, entry.started_at) == (Standing.OPEN, started)
        assert entry.doubt_seconds == 30
        desk.journal.leave(intent())  # it was asked for, and is as old as before
        desk.clock.advance(5)
        assert (await desk.begin()).doubt_seconds == 35

    play(story)


def test_a_jump_of_the_wall_clock_makes_no_doubt_old(play):
    async def story(desk):
        await desk.doubt()
        desk.clock.jump(3_600)
        assert (await desk.begin()).doubt_seconds == 0
        desk.journal.leave(intent())
        desk.clock.jump(-7_200)
        desk.clock.advance(9)
        assert (await desk.begin()).doubt_seconds == 0

    play(story)


def test_what_is_sent_again_begins_its_doubt_anew(play):
    async def story(desk):
        await desk.doubt()
        desk.clock.advance(100)
        assert await desk.standing() is Standing.OPEN
        await desk.do(desk.journal.resume(intent()))
        desk.clock.advance(7)
        desk.journal.leave(intent())
        desk.clock.advance(1)
        assert (await desk.begin()).doubt_seconds == 1

    play(story)


def test_a_crash_leaves_the_key_open_and_in_doubt_from_the_next_opening_on(play):
    async def before(desk):
        assert await desk.standing() is Standing.NEW
        play.stage.crash()

    async def after(desk):
        desk.clock.advance(60)
        entry = await desk.begin()
        assert (entry.standing, entry.doubt_seconds) == (Standing.OPEN, 60)

    play(before)
    play.stage.clock.advance(500)  # the process was gone for so long; whether it was, nobody knows
    play(after)


def test_the_first_found_that_no_other_key_has_is_adopted(play):
    async def story(desk):
        await desk.standing("k0")
        await desk.end("k0", subject="SM1")
        await desk.doubt()
        await desk.begin()
        adopted = await desk.adopt("SM1", "SM2", "SM3")
        assert adopted == Found("SM2", b"SM2")
        assert (await desk.begin()).result == b"SM2"

    play(story)


def test_with_nothing_left_to_adopt_the_key_stays_open(play):
    async def story(desk):
        await desk.standing("k0")
        await desk.end("k0", subject="SM1")
        await desk.doubt()
        await desk.begin()
        assert not (await desk.adopt()).rival
        assert not (await desk.adopt("SM1")).rival
        desk.journal.leave(intent())
        assert await desk.standing() is Standing.OPEN

    play(story)


def test_what_no_key_has_made_is_strange(play):
    async def story(desk):
        assert await desk.standing("k0") is Standing.NEW
        await desk.end("k0", subject="SM0")
        await desk.doubt()
        assert await desk.standing() is Standing.OPEN
        taken, strange, of_k2 = ("SM0", b"x"), ("SM1", b"x"), ("SM2", b"mine")
        assert (await desk.adopt(others=[taken, of_k2])).strange
        assert await desk.standing("k2", likeness=b"mine") is Standing.NEW
        assert not (await desk.adopt(others=[taken, of_k2])).strange
        assert (await desk.adopt(others=[taken, of_k2, strange])).strange
        assert await desk.adopt("SM3", others=[strange]) == Found("SM3", b"SM3")

    play(story)


def test_what_may_be_the_effect_of_a_call_under_way_is_not_adopted(play):
    async def story(desk):
        await desk.doubt()
        await desk.begin()
        await desk.standing("rival")
        assert (await desk.adopt("SM1")).rival
        await desk.end("rival", subject="SM1")
        assert not (await desk.adopt("SM1")).rival
        await desk.standing("unlike", likeness=b"other")
        assert await desk.adopt("SM2") == Found("SM2", b"SM2")

    play(story)


def test_whose_place_was_taken_must_wait_for_the_effect_of_who_took_it(play):
    async def story(desk):
        await desk.doubt("k1")
        desk.clock.advance(100)
        await desk.doubt("k2")
        desk.clock.advance(10)
        assert (await desk.begin("k1")).doubt_seconds == 110
        await desk.begin("k2")
        assert await desk.adopt("SM1", key="k2") == Found("SM1", b"SM1")  # it may be k1's own
        desk.clock.advance(5)
        assert (await desk.adopt("SM1", key="k1")).doubt_seconds == 5
        desk.journal.leave(intent("k1"))
        desk.clock.advance(5)
        assert (await desk.begin("k1")).doubt_seconds == 10

    play(story)


def test_two_that_only_ask_are_no_rivals(play):
    async def story(desk):
        await desk.doubt("k1")
        await desk.doubt("k2")
        await desk.begin("k1")
        await desk.begin("k2")
        assert await desk.adopt("SM1", key="k1") == Found("SM1", b"SM1")
        assert not (await desk.adopt("SM1", key="k2")).rival
        await desk.do(desk.journal.resume(intent("k2")))
        await desk.doubt("k3")
        await desk.begin("k3")
        assert (await desk.adopt("SM2", key="k3")).rival

    play(story)


# Jobs


def job(attempt, event="e1", handler="h"):
    return JobName(event, handler, attempt)


def test_another_call_of_a_job_whose_earlier_attempt_is_in_doubt_is_refused(play):
    async def story(desk):
        await desk.doubt("k1", job=job(1))
        assert await desk.standing("k2", job=job(1)) is Standing.NEW
        assert await desk.standing("k3", job=job(2)) is Standing.STRAY
        assert await desk.standing("k3", job=job(2), scope="mail:send") is Standing.NEW
        assert await desk.standing("k3", job=job(2, handler="other")) is Standing.NEW
        assert await desk.standing("k4") is Standing.NEW

    play(story)


def test_a_call_that_the_attempt_has_taken_up_is_no_stray(play):
    async def story(desk):
        await desk.doubt("k1", job=job(1))
        assert await desk.standing("k1", job=job(2)) is Standing.OPEN
        assert await desk.standing("k2", job=job(2)) is Standing.NEW

    play(story)


def parked(play, then):
    """A job parked with one call in doubt, and then the story that is given its event's id."""

    async def story(desk):
        accepted = await desk.accept()
        (lease,) = await desk.claim()
        mine = intent(job=job(lease.fence, accepted.id, lease.handler))
        journal = play.stage.journal(desk.store)
        await journal.begin(mine)
        journal.leave(mine)
        await desk.complete(lease, Outcome.NEEDS_RECONCILE, error="look")
        await then(desk, journal, mine, accepted.id)

    play.stage.play(story)


def test_a_person_who_retries_a_parked_job_clears_its_calls(play):
    async def then(desk, journal, mine, event):
        await desk.store.retry(event)
        entry = await journal.begin(mine)
        assert (entry.standing, entry.cleared) == (Standing.OPEN, True)
        await journal.resume(mine)
        journal.leave(mine)
        assert not (await journal.begin(mine)).cleared  # it holds for one send

    parked(play, then)


def test_a_replay_of_a_parked_job_clears_nothing(play):
    async def then(desk, journal, mine, event):
        await desk.store.replay(event, ["mark_paid"])
        assert not (await journal.begin(mine)).cleared

    parked(play, then)


# Trouble


def test_a_closed_store_refuses_intents_and_swallows_the_rest(play):
    async def story(desk):
        await desk.standing("k1")
        await desk.standing("k2")
        await desk.standing("k3")
        await desk.store.close()
        with pytest.raises(StoreUnavailableError, match="is not open"):
            await desk.begin("k4")
        await desk.end("k1")
        desk.journal.free(intent("k2"))
        desk.journal.leave(intent("k3"))
        assert desk.store.in_flight.sending == {}

    play(story)


def test_a_blocking_journal_refuses_to_stop_a_loop(any_stage):
    async def story(desk):
        with pytest.raises(MisuseError, match="await instead"):
            await any_stage.journal(desk.store, blocking=True).begin(intent())

    any_stage.play(story)
