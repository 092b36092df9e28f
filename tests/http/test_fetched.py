"""What another library fetches: once for all who ask, in time, and never what a call hangs on."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from hardpoint import Policy
from hardpoint.core.errors import AuthenticationError, ConfigurationError, UnavailableError
from hardpoint.http import fetched
from hardpoint.http.fetched import EARLY_SECONDS, LEAST_SECONDS, PAUSE_SECONDS, Fetched
from hardpoint.runtime.blocking import run
from hardpoint.testing import ManualClock

LIFE = 3600.0


class Held(msgspec.Struct, frozen=True):
    number: int


class Source:
    """Gives one after the other; raises what it is told to; waits at a gate if there is one."""

    def __init__(self, clock, life=LIFE):
        self.clock = clock
        self.life = life
        self.count = self.forgotten = 0
        self.error = None
        self.gate = None
        self.entered = threading.Event()

    def fetch(self):
        self.count += 1
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        return Held(self.count), None if self.life is None else self.clock.now() + self.life

    def forget(self):
        self.forgotten += 1


@pytest.fixture
def clock():
    return ManualClock(now=1_800_000_000.0)


@pytest.fixture
def source(clock):
    return Source(clock)


@pytest.fixture
def held(source, clock):
    return Fetched(source.fetch, clock, name="keys", forget=source.forget)


def number(held):
    return run(held.current()).number


def test_it_is_fetched_when_it_is_needed_and_shortly_before_its_end(held, source, clock):
    assert (source.count, held.latest) == (0, None)
    assert number(held) == number(held) == 1
    clock.advance(LIFE - EARLY_SECONDS - 1)
    assert number(held) == 1
    clock.advance(1)
    assert number(held) == 2


def test_a_short_one_is_used_for_most_of_its_life(held, source, clock):
    source.life = 100.0
    assert number(held) == 1
    clock.advance(79)
    assert number(held) == 1
    clock.advance(1)
    assert number(held) == 2


def test_one_that_does_not_end_is_kept_until_it_is_not_accepted(held, source, clock):
    source.life = None
    first = run(held.current())
    clock.advance(1e6)
    assert run(held.current()) is first
    held.renounce(first)
    assert number(held) == 2
    held.renounce(first)  # a late answer to an earlier call
    assert number(held) == 2
    assert source.forgotten == 1


def test_one_that_has_ended_already_is_used_for_a_moment(held, source, clock):
    source.life = -60.0  # by this machine's clock, which may be wrong
    assert number(held) == 1
    clock.advance(LEAST_SECONDS - 1)
    assert number(held) == 1
    clock.advance(1)
    assert number(held) == 2


def test_the_one_at_hand_bridges_a_fetch_that_fails(held, source, clock):
    assert number(held) == 1
    clock.advance(LIFE - EARLY_SECONDS)
    source.error = UnavailableError("not now")
    assert number(held) == number(held) == 1
    assert source.count == 2
    clock.advance(PAUSE_SECONDS)
    assert (number(held), source.count) == (1, 3)
    clock.advance(EARLY_SECONDS)
    with pytest.raises(UnavailableError, match="not now"):
        number(held)
    source.error = None
    assert number(held) == 5


def test_one_without_an_end_does_not_hide_that_there_is_no_other(held, source):
    source.life = None
    held.renounce(run(held.current()))
    source.error = ConfigurationError("credentials", "are gone")
    with pytest.raises(ConfigurationError):
        run(held.current())


def test_what_another_library_raises_is_told_by_its_class_alone(held, source):
    source.error = ValueError("secret-text")
    with pytest.raises(UnavailableError, match="keys: ValueError") as caught:
        run(held.current())
    assert "secret-text" not in str(caught.value)


async def gathered(held, count, gate=None):
    tasks = [asyncio.create_task(held.current()) for _ in range(count)]
    await asyncio.sleep(0)  # all of them wait
    if gate is not None:
        gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_tasks_and_threads_that_ask_at_once_get_one(held, source):
    source.gate = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        loop = pool.submit(lambda: asyncio.run(gathered(held, 5)))
        assert source.entered.wait(30)
        threads = [pool.submit(number, held) for _ in range(2)]
        source.gate.set()
        assert {one.number for one in loop.result(30)} == {1}
        assert {one.result(30) for one in threads} == {1}
    assert source.count == 1


def test_each_who_waits_gets_an_error_of_its_own(held, source):
    source.error = AuthenticationError("refused", status=403, vendor_code="no")
    source.gate = threading.Event()
    first, second = asyncio.run(gathered(held, 2, source.gate))
    assert first is not second
    assert (str(first), first.status, second.vendor_code) == ("refused", 403, "no")
    assert source.count == 1


def test_nobody_waits_beyond_a_bound(held, source, monkeypatch):
    monkeypatch.setattr(fetched, "WAIT_SECONDS", 0.01)
    source.gate = threading.Event()
    with pytest.raises(UnavailableError, match="none in time"):
        run(held.current())
    with pytest.raises(UnavailableError, match="none in time"):
        asyncio.run(held.current())
    assert source.count == 1  # it goes on, and whoever asks later gets it
    source.gate.set()
    monkeypatch.setattr(fetched, "WAIT_SECONDS", 30.0)
    assert number(held) == 1


def test_a_call_waits_no_longer_than_its_deadline(held, source):
    source.gate = threading.Event()
    policy = Policy("keys", timeout=0.05, retry=None)
    with pytest.raises(UnavailableError, match="none in time"):
        policy.call(lambda: run(held.current()))
    source.gate.set()


def test_a_caller_that_gives_up_stops_nobody_else(held, source):
    async def story():
        source.gate = threading.Event()
        first = asyncio.create_task(held.current())
        second = asyncio.create_task(held.current())
        await asyncio.to_thread(source.entered.wait, 30)
        first.cancel()
        await asyncio.wait([first])
        source.gate.set()
        return first.cancelled(), (await second).number

    assert asyncio.run(story()) == (True, 1)
    assert source.count == 1


def test_a_machine_without_threads_left_says_so(held, monkeypatch):
    def none(name, function):
        raise OSError("can't start new thread")

    monkeypatch.setattr("hardpoint.http.wire.aside.aside", none)
    with pytest.raises(UnavailableError, match="thread"):
        run(held.current())


def test_a_child_does_not_wait_for_what_its_parent_fetches(held, source, forked):
    source.gate = threading.Event()
    waiting = threading.Thread(target=number, args=[held])
    waiting.start()
    assert source.entered.wait(30)

    def child():
        source.gate = None
        return number(held), source.forgotten

    try:
        assert forked(child) == [2, 1]
    finally:
        source.gate.set()
        waiting.join()
