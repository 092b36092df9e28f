"""Places and connections: who has them, who waits for them, and a return that is interrupted."""

import asyncio

import pytest

from hardpoint.core.errors import UnavailableError
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request
from hardpoint.http.wire.pool import Pool
from hardpoint.runtime.blocking import run

KEY = ("https://vendor.example:443", ())


class One:
    """An exchange, as a pool sees it."""

    def __init__(self):
        self.waiter = None
        self.line = None
        self.reusable = False


class Connection:
    def __init__(self, pool, key=KEY):
        self.pool = pool
        self.key = key
        self.since = 0.0
        self.owner = None
        self.closed = False
        self.usable = True

    def fresh(self):
        return self.usable

    def close(self):
        self.closed = True
        self.pool.gone(self)

    def stop(self):
        self.closed = True


class Waiter:
    woken = False


def pool_of(**limits):
    return Pool(Limits(**limits), Waiter, lambda waiter: setattr(waiter, "woken", True))


def asks(pool, one):
    """Whether it gets a place at once."""
    pool.take(one, ("http://elsewhere.example:80", ()))
    return one.waiter is None


def entered(pool):
    one = One()
    assert asks(pool, one)
    return one


def given_a_connection(pool):
    one = entered(pool)
    line = Connection(pool)
    pool.add(one, line)
    return one, line


def test_places_are_given_in_turn():
    pool = pool_of(connections=1)
    first, second, third = entered(pool), One(), One()
    assert not asks(pool, second)
    assert not asks(pool, third)
    pool.leave(first)
    assert second.waiter.woken
    assert not third.waiter.woken
    pool.leave(second)
    assert third.waiter.woken


def test_who_gives_up_waiting_has_no_place_and_holds_none_up():
    pool = pool_of(connections=1)
    first, second, third = entered(pool), One(), One()
    asks(pool, second)
    asks(pool, third)
    pool.leave(second)
    pool.leave(first)
    assert not second.waiter.woken
    assert third.waiter.woken


def test_a_place_that_comes_as_its_waiter_gives_up_goes_to_the_next():
    pool = pool_of(connections=1)
    first, second, third = entered(pool), One(), One()
    asks(pool, second)
    asks(pool, third)
    pool.leave(first)
    pool.leave(second)
    assert third.waiter.woken
    pool.leave(third)
    entered(pool)
    assert not asks(pool, One())


def test_giving_back_twice_gives_back_once():
    pool = pool_of(connections=2)
    one, line = given_a_connection(pool)
    one.reusable = True
    pool.leave(one)
    other = entered(pool)
    assert pool.take(other, KEY) is line
    pool.leave(one)  # it is another's now
    assert not line.closed
    assert line.owner is other
    entered(pool)
    assert not asks(pool, One())


def test_keeping_twice_keeps_once():
    pool = pool_of()
    one, line = given_a_connection(pool)
    one.reusable = True
    pool._keep(line)  # as before an interruption
    pool.leave(one)
    other = entered(pool)
    assert pool.take(other, KEY) is line
    assert pool.take(entered(pool), KEY) is None


def test_a_connection_in_use_that_is_closed_leaves_the_kept_ones_alone():
    pool = pool_of()
    (one, line), (_, other) = given_a_connection(pool), given_a_connection(pool)
    one.reusable = True
    pool.leave(one)
    other.close()
    assert pool.take(entered(pool), KEY) is line


class StopError(BaseException):
    """A signal's handler raised it."""


def test_a_wake_that_is_interrupted_is_made_up_for():
    woken = []

    def wake(waiter):
        woken.append(waiter)
        if len(woken) == 1:
            raise StopError

    pool = Pool(Limits(connections=1), object, wake)
    first, second = entered(pool), One()
    asks(pool, second)
    with pytest.raises(StopError):
        pool.leave(first)
    pool.leave(first)
    assert woken == [second.waiter] * 2
    pool.leave(second)
    entered(pool)


def test_a_thread_that_was_woken_may_be_woken_again():
    pool = BlockingTransport(Limits(connections=1))._pool
    first, second = entered(pool), One()
    asks(pool, second)
    for _ in range(2):  # as after an interruption
        pool._wake(second.waiter)
    assert second.waiter.acquire(blocking=False)
    pool.leave(first)


def test_a_closed_pool_keeps_nothing():
    pool = pool_of()
    one, line = given_a_connection(pool)
    one.reusable = True
    pool.close()
    pool.leave(one)
    assert line.closed
    assert not pool.lines


def test_a_connection_that_is_not_fit_any_more_is_closed_and_the_next_one_taken():
    pool = pool_of()
    (one, older), (two, newer) = given_a_connection(pool), given_a_connection(pool)
    for each in (one, two):
        each.reusable = True
        pool.leave(each)
    newer.usable = False
    three = entered(pool)
    assert pool.take(three, KEY) is older
    assert newer.closed
    assert three.line is older


@pytest.mark.parametrize("streamed", [False, True], ids=["send", "stream"])
def test_what_was_not_given_back_for_an_interruption_is_given_back_again(vendor, streamed):
    transport = BlockingTransport(Limits(connections=1))
    pool, interruptions = transport._pool, [StopError()]

    class Interrupted:
        def __getattr__(self, name):
            return getattr(pool, name)

        def leave(self, exchange):
            if interruptions:
                raise interruptions.pop()
            pool.leave(exchange)

    transport._pool = Interrupted()
    get = Request(method="GET", url=vendor.url)

    async def used():
        if not streamed:
            return await transport.send(get)
        async with transport.stream(get) as answer:
            return answer

    with pytest.raises(StopError):
        run(used())
    assert run(used()).status == 200
    transport.close()


@pytest.mark.parametrize("kind", [AsyncTransport, BlockingTransport])
def test_a_child_begins_anew(kind):
    transport = kind()
    loop = asyncio.new_event_loop()
    pool = pool_of()
    if kind is AsyncTransport:
        transport._pools[loop] = pool
    else:
        transport._pool = pool
    one, line = given_a_connection(pool)
    with pool._lock:  # a thread of the parent's
        transport.forget()
    one.reusable = True
    pool.leave(one)
    assert line.closed
    assert pool not in (getattr(transport, "_pool", None), transport.__dict__.get("_pools"))
    loop.close()


def test_a_place_that_does_not_come_in_time_is_waited_for_no_longer():
    async def scenario():
        async with AsyncTransport(Limits(connections=1, connect_timeout=0.01)) as transport:
            entered(transport._here())
            with pytest.raises(UnavailableError, match="in use"):
                await transport.send(Request(method="GET", url="http://127.0.0.1:1/"))

    asyncio.run(scenario())
