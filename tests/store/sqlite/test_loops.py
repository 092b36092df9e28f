"""One store, asked from several event loops and threads, and by a forked child."""

import asyncio
import threading
import time

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.runtime.blocking import run
from hardpoint.store.driver import Stored
from hardpoint.store.journal import Intent, Standing
from hardpoint.store.journalling import CallsInFlight, StoreJournal
from hardpoint.store.sqlite.gate import Gate


@pytest.fixture
def store(stage):
    made = stage.build()
    yield made
    made.close_blocking()


def intent(key: str = "order-1") -> Intent:
    return Intent(scope="mail.send", key=key, fingerprint=b"f", likeness=b"l", job=None)


def test_each_loop_that_asks_is_answered_whichever_opened_the_store(stage, store):
    asyncio.run(store.open())
    for number in range(3):
        answer = asyncio.run(bounded(stage.desk(store).accept(f"evt_{number}")))
        assert answer.stored is Stored.NEW
        assert asyncio.run(bounded(store.next_due(["mark_paid"]))) is not None


def test_loops_in_threads_of_their_own_ask_at_a_time(stage, store):
    asyncio.run(store.ensure_open())
    answers = []

    async def several(name: str):
        desk = stage.desk(store)
        return await asyncio.gather(*(desk.accept(f"{name}_{n}") for n in range(20)))

    def thread(name: str):
        answers.extend(asyncio.run(bounded(several(name))))

    threads = [threading.Thread(target=thread, args=(f"evt_{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert [one.stored for one in answers] == [Stored.NEW] * 80


def test_a_loop_that_is_closed_over_its_question_keeps_no_answer_from_the_others(stage, store):
    asyncio.run(store.open())
    turn = store.gate.acquire()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begun(stage, store))
    loop.close()
    store.gate.release(turn)
    answer = asyncio.run(bounded(stage.desk(store).accept("evt_1")))
    assert answer.stored is Stored.DUPLICATE


async def begun(stage, store):
    store.accept(stage.make("evt_1"), lambda result: None)


def test_those_who_need_it_at_a_time_open_it_once(stage, store):
    async def scene():
        await asyncio.gather(*(store.ensure_open() for _ in range(5)))
        return store.engine.boot

    assert asyncio.run(scene()) == 1
    assert asyncio.run(scene()) == 1


def test_an_opening_that_failed_may_be_tried_again(stage, store):
    stage.path.mkdir()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="not a regular file"):
            asyncio.run(store.ensure_open())

    async def several():
        return await asyncio.gather(
            *(store.ensure_open() for _ in range(3)), return_exceptions=True
        )

    assert [type(one) for one in asyncio.run(several())] == [StoreUnavailableError] * 3
    stage.path.rmdir()
    asyncio.run(store.ensure_open())
    assert store.is_open


def test_what_is_not_open_says_how_to_open_it(stage, store):
    with pytest.raises(StoreUnavailableError, match="start the hub"):
        asyncio.run(store.next_due([]))


@pytest.mark.parametrize("end", ["leave", "free"])
def test_a_call_whose_loop_was_closed_over_it_is_in_doubt_and_not_under_way(stage, store, end):
    asyncio.run(store.open())
    journal = StoreJournal(store)
    loop = asyncio.new_event_loop()
    lost = intent()
    assert loop.run_until_complete(journal.begin(lost)).standing is Standing.NEW
    busy = asyncio.run(bounded(journal.begin(intent())))
    assert busy.standing is Standing.BUSY
    loop.close()
    mine, living = intent(), asyncio.new_event_loop()
    entry = living.run_until_complete(bounded(journal.begin(mine)))
    assert entry.standing is Standing.OPEN
    getattr(journal, end)(lost)  # its coroutine is collected at last, and ends nothing of ours
    assert asyncio.run(bounded(journal.begin(intent()))).standing is Standing.BUSY
    journal.free(mine)
    living.close()
    assert asyncio.run(bounded(journal.begin(intent()))).standing is Standing.NEW


def test_a_call_whose_loop_is_closed_at_this_moment_gives_its_place_up():
    calls, lost, mine = CallsInFlight(), intent(), intent()

    async def begin():
        return calls.enter(lost)

    first = asyncio.run(begin())
    assert calls.enter(mine) not in {None, first}
    assert calls.leave(lost) is None
    assert calls.leave(mine) is not None


def test_a_gate_that_a_closed_loop_holds_opens_to_the_next(stage, store):
    asyncio.run(store.open())
    loop = asyncio.new_event_loop()
    turn = loop.run_until_complete(store.gate.acquire_async())
    loop.close()
    answer = asyncio.run(bounded(stage.desk(store).accept("evt_1")))
    assert answer.stored is Stored.NEW
    held = store.gate.acquire()
    store.gate.release(turn)  # late, and no longer its own
    with pytest.raises(StoreUnavailableError, match=r"more than 0\.01 s"):
        store.gate.acquire(0.01)
    store.gate.release(held)


def test_a_block_that_holds_the_file_for_long_makes_nobody_wait_without_a_bound(stage):
    stage.limits["gate"] = 0.01

    async def story(desk):
        turn = desk.store.gate.acquire()
        with pytest.raises(StoreUnavailableError, match="keep blocks of complete_in"):
            await desk.accept("evt_1")
        with pytest.raises(StoreUnavailableError, match="keep blocks of complete_in"):
            await desk.store.gate.acquire_async(0.01)
        desk.store.gate.release(turn)
        assert (await desk.accept("evt_1")).stored is Stored.NEW

    stage.play(story)


def test_a_turn_that_comes_in_the_last_moment_is_taken():
    class Late(Gate):
        """Grants a turn just when the wait for it is over."""

        __slots__ = ()

        def acquire(self, seconds=None):
            return super().acquire(seconds)

    gate = Late()
    held = gate.acquire()
    real = gate._mutex

    class Mutex:
        def __enter__(self):
            if gate._waiting:
                gate._mutex = real
                gate.release(held)
            real.acquire()

        def __exit__(self, *_):
            real.release()

    taken = []

    def wait():
        taken.append(gate.acquire(0.05))

    thread = threading.Thread(target=wait)
    thread.start()
    while not gate._waiting:
        time.sleep(0.001)
    gate._mutex = Mutex()
    thread.join(10)
    gate.release(taken[0])
    gate.release(gate.acquire(1))


def test_a_store_that_was_open_before_a_fork_says_so_in_the_child_and_goes_on_in_the_parent(
    stage, store, forked
):
    async def scene():
        await store.open()
        return await stage.desk(store).accept("evt_0")

    asyncio.run(scene())

    def child():
        said = []
        for work in (store.next_due([]), store.ensure_open(), stage.build().open()):
            try:
                asyncio.run(asyncio.wait_for(work, 10))
            except StoreUnavailableError as error:
                said.append(str(error))
        assert stage.path.read_bytes()  # a look that drops locks of nobody's
        return said

    said = forked(child)
    assert len(said) == 3
    assert all("start the hub after the fork, in each worker" in one for one in said)
    assert asyncio.run(bounded(stage.desk(store).accept("evt_1"))).stored is Stored.NEW


def test_a_store_that_is_opened_after_the_fork_works_in_the_child(stage, store, forked):
    def child():
        async def scene():
            await store.open()
            answer = await stage.desk(store).accept("evt_1")
            await store.close()
            return answer.stored.value

        return asyncio.run(scene())

    run(store.ensure_open())
    store.close_blocking()
    assert forked(child) == "new"


async def bounded(work):
    return await asyncio.wait_for(work, 10)
