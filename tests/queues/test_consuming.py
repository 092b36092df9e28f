"""Working through a queue: what is held, given back, put aside and told, and how it ends."""

import asyncio
import functools
import threading
from collections.abc import Callable

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    AuthenticationError,
    InvalidRequestError,
    MisuseError,
    NotFoundError,
    UnavailableError,
)
from hardpoint.core.events import Listeners
from hardpoint.queues import (
    ConsumerHeldUp,
    MemoryQueue,
    MessageFailed,
    NewQueueMessage,
    Queue,
    consuming,
)
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, step
from hardpoint.runtime.teams import CancelledInsideError
from hardpoint.sync.queues import Queue as BlockingQueue


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(consuming, "_TICK_SECONDS", 0.01)


def looped(test):
    """Runs a coroutine function as a test."""

    @functools.wraps(test)
    def run_it(*given, **named):
        asyncio.run(test(*given, **named))

    return run_it


class Shop:
    """A queue in memory, and what is told of it; some of its verbs may fail."""

    def __init__(self, **options):
        self.driver = MemoryQueue(**options)
        self.told = []
        self.failing = {}
        for verb in ("receive", "ack", "hide", "dead_letter"):
            setattr(self, verb, self._tried(verb))
        listeners = Listeners(self.told.append)
        self.queue = Queue(self, Connection("jobs", AsyncRuntime(), listeners=listeners))
        blocking = Queue(self, Connection("jobs", BlockingRuntime(), listeners=listeners))
        self.blocking = BlockingQueue(blocking)

    def __getattr__(self, name):
        return getattr(self.driver, name)

    def _tried(self, verb):
        async def attempt(*given, **named):
            if self.failing.get(verb):
                raise self.failing[verb].pop(0)
            return await getattr(self.driver, verb)(*given, **named)

        return attempt

    def put(self, *bodies, **options):
        for body in bodies:
            step(self.driver.send(NewQueueMessage(body=body, **options), idempotency_key=str(body)))

    def of(self, kind):
        return [one for one in self.told if isinstance(one, kind)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def consuming_while(shop, handler, condition, **options):
    task = asyncio.create_task(shop.queue.consume(handler, **options))
    try:
        await until(lambda: condition() or task.done())
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


@looped
async def test_a_message_in_hand_is_held_for_as_long_as_its_handler_runs(monkeypatch):
    shop = Shop()
    shop.put(b"slow")
    extended = []

    async def hide(message, seconds):
        extended.append(seconds)
        return await shop.driver.hide(message, seconds)

    shop.hide = hide
    clock = shop.queue.connection.clock
    began, moved = clock.monotonic(), [0.0]
    monkeypatch.setattr(type(clock), "monotonic", lambda _: began + moved[0])

    async def handle(message):
        for times in range(1, 4):
            moved[0] = times * 20.0
            await until(lambda times=times: len(extended) >= times)

    await consuming_while(shop, handle, lambda: not shop.driver.messages, hidden=30)
    assert extended == [30, 30, 30]
    assert not shop.of(ConsumerHeldUp)


@looped
async def test_a_message_that_was_lost_is_told_and_not_held_again(monkeypatch):
    shop = Shop()
    shop.put(b"slow")
    shop.failing["hide"] = [UnavailableError("busy"), NotFoundError("gone")]
    clock = shop.queue.connection.clock
    began, moved = clock.monotonic(), [0.0]
    monkeypatch.setattr(type(clock), "monotonic", lambda _: began + moved[0])

    async def handle(message):
        moved[0] = 20.0
        await until(lambda: len(shop.of(ConsumerHeldUp)) == 2)
        await asyncio.sleep(0.05)

    await consuming_while(shop, handle, lambda: not shop.driver.messages, hidden=30)
    assert [one.doing for one in shop.of(ConsumerHeldUp)] == ["hold", "hold"]


@looped
async def test_a_receipt_that_changes_while_the_handler_ends_is_the_one_that_is_used(monkeypatch):
    shop = Shop()
    shop.put(b"slow")
    begun, acked = asyncio.Event(), []

    async def hide(message, seconds):
        begun.set()
        await asyncio.sleep(0.05)
        return message.__class__(id=message.id, body=message.body, receipt="renewed")

    async def ack(message):
        acked.append(message.receipt)

    shop.hide, shop.ack = hide, ack
    clock = shop.queue.connection.clock
    began, moved = clock.monotonic(), [0.0]
    monkeypatch.setattr(type(clock), "monotonic", lambda _: began + moved[0])

    async def handle(message):
        moved[0] = 20.0
        await begun.wait()

    await consuming_while(shop, handle, lambda: bool(acked), hidden=30)
    assert acked[0] == "renewed"


@looped
async def test_a_failure_is_told_with_its_place_and_when_it_comes_again():
    shop = Shop()
    shop.put(b"poison")

    async def handle(message):
        raise ValueError("cannot be read")

    await consuming_while(shop, handle, lambda: bool(shop.of(MessageFailed)))
    (failed,) = shop.of(MessageFailed)
    assert (failed.connection, failed.attempts, failed.again_in) == ("jobs", 1, 1)
    assert "cannot be read" in failed.error
    assert failed.place is not None
    assert "handle" in failed.place


@looped
async def test_what_cannot_be_received_now_is_told_and_tried_again():
    shop = Shop()
    shop.put(b"a")
    shop.failing["receive"] = [UnavailableError("down")]
    seen = []

    async def handle(message):
        seen.append(message.body)

    await consuming_while(shop, handle, lambda: not shop.driver.messages, concurrency=1)
    assert seen == [b"a"]
    assert [one.doing for one in shop.of(ConsumerHeldUp)] == ["receive"]


@looped
async def test_what_waiting_does_not_mend_is_raised():
    shop = Shop()
    shop.failing["receive"] = [AuthenticationError("who?")]
    with pytest.raises(AuthenticationError):
        await asyncio.wait_for(shop.queue.consume(print), 20)


@looped
async def test_what_cannot_be_acknowledged_is_told_and_comes_again():
    shop = Shop()
    shop.put(b"a")
    shop.failing["ack"] = [UnavailableError("down")]
    seen = []

    async def handle(message):
        seen.append(message.body)

    await consuming_while(shop, handle, lambda: bool(shop.of(ConsumerHeldUp)))
    assert [one.doing for one in shop.of(ConsumerHeldUp)] == ["acknowledge"]
    assert len(shop.driver.messages) == 1


@looped
async def test_a_stop_lets_a_handler_end():
    shop = Shop()
    shop.put(b"a")
    begun, done = asyncio.Event(), []

    async def handle(message):
        begun.set()
        await asyncio.sleep(0.05)
        done.append(message.body)

    task = asyncio.create_task(shop.queue.consume(handle))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert done == [b"a"]
    assert not shop.driver.messages


@looped
async def test_a_stop_gives_back_what_does_not_end():
    shop = Shop()
    shop.put(b"a")
    begun = asyncio.Event()

    async def handle(message):
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(shop.queue.consume(handle, grace=0.05))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert [one.body for one in await shop.queue.receive()] == [b"a"]


@looped
async def test_a_handler_that_takes_too_long_has_failed():
    shop = Shop()
    shop.put(b"a")

    async def handle(message):
        await asyncio.sleep(60)

    await consuming_while(shop, handle, lambda: bool(shop.of(MessageFailed)), timeout=0.05)
    assert "TimeoutError" in shop.of(MessageFailed)[0].error


@looped
async def test_what_follows_a_failure_in_its_group_does_not_overtake_it():
    shop = Shop()
    shop.put(b"a0", b"a1", b"a2", group="a")
    shop.put(b"b0", group="b")
    receive, seen = shop.driver.receive, []

    async def all_at_once(*, most, wait, hidden):
        """As a provider that gives several of a group at a time."""
        found = []
        for held in shop.driver._held.values():
            if held.visible_at <= shop.driver._now():
                group, held.message = held.message.group, _without_group(held.message)
                (one,) = await receive(most=1, wait=0, hidden=hidden)
                held.message = _with_group(one, group)
                found.append(held.message)
        return found

    shop.receive = all_at_once

    def handle(message):
        seen.append(message.body)
        if message.body == b"a0" and message.attempts == 1:
            raise ValueError("not now")

    await consuming_while(shop, handle, lambda: not shop.driver.messages, concurrency=3)
    own = [one for one in seen if one.startswith(b"a")]
    assert own == [b"a0", b"a0", b"a1", b"a2"]


def _without_group(message):
    return _with_group(message, None)


def _with_group(message, group):
    from msgspec.structs import replace

    return replace(message, group=group)


@looped
async def test_an_object_whose_call_gives_a_coroutine_is_a_handler():
    shop = Shop()
    shop.put(b"a")
    seen = []

    class Handler:
        async def _handle(self, message):
            seen.append(message.body)

        def __call__(self, message):
            return self._handle(message)

    await consuming_while(shop, Handler(), lambda: not shop.driver.messages)
    assert seen == [b"a"]


def test_threads_are_told_of_failures_too():
    shop, stop = Shop(), threading.Event()
    shop.put(b"a", b"b")

    def handle(message):
        if message.body == b"b":
            stop.set()
            raise ValueError("not now")

    shop.blocking.consume(handle, concurrency=1, stop=stop)
    assert [one.error for one in shop.of(MessageFailed)] == ["ValueError: not now"]
    assert [one.body for one in shop.driver.messages] == [b"b"]


def test_a_coroutine_function_is_refused_where_nothing_awaits_it():
    async def handle(message):
        raise AssertionError

    with pytest.raises(MisuseError, match="async def"):
        Shop().blocking.consume(handle)


def test_a_coroutine_that_nothing_awaits_is_a_failure():
    shop, stop = Shop(), threading.Event()
    shop.put(b"a")

    async def handle(message):
        raise AssertionError

    def disguised(message):
        stop.set()
        return handle(message)

    shop.blocking.consume(disguised, concurrency=1, stop=stop)
    assert "coroutine" in shop.of(MessageFailed)[0].error


def test_what_waiting_does_not_mend_ends_threads():
    shop = Shop()
    shop.failing["receive"] = [AuthenticationError("who?")]
    with pytest.raises(AuthenticationError):
        shop.blocking.consume(print, concurrency=2)


@looped
async def test_a_stop_gives_back_what_nobody_has_begun_with():
    shop = Shop()
    shop.put(b"a", b"b", b"c")
    stop = threading.Event()
    receive = shop.driver.receive

    async def more_than_asked(*, most, wait, hidden):
        return await receive(most=3, wait=wait, hidden=hidden)

    shop.receive = more_than_asked

    def handle(message):
        stop.set()

    await asyncio.wait_for(shop.queue.consume(handle, concurrency=1, stop=stop), 20)
    shop.receive = receive
    assert len(await shop.queue.receive(most=10)) == 2


@looped
async def test_whoever_waits_while_another_looks_sees_the_stop():
    shop, stop = Shop(), threading.Event()
    looks = []

    async def receive(**_):
        looks.append(1)
        await asyncio.sleep(0.05)
        stop.set()
        return ()

    shop.receive = receive
    await asyncio.wait_for(shop.queue.consume(print, concurrency=2, stop=stop), 20)
    assert looks == [1]


@looped
async def test_a_cancellation_from_within_a_handler_is_a_failure_of_that_message():
    shop = Shop()
    shop.put(b"bad", b"good")
    seen = []

    async def handle(message):
        seen.append(message.body)
        if message.body == b"bad":
            inner = asyncio.create_task(asyncio.sleep(9))
            inner.cancel()
            await inner

    await consuming_while(shop, handle, lambda: len(shop.driver.messages) == 1, concurrency=1)
    assert seen[:2] == [b"bad", b"good"]
    assert [one.message_id for one in shop.of(MessageFailed)] == ["message-000001"]


def test_a_cancellation_from_within_a_blocking_handler_is_a_failure_of_that_message():
    shop = Shop()
    shop.put(b"bad")
    stop = threading.Event()

    def handle(message):
        stop.set()
        raise asyncio.CancelledError

    shop.blocking.consume(handle, concurrency=1, stop=stop)
    assert len(shop.of(MessageFailed)) == 1


@looped
async def test_a_worker_that_is_cancelled_from_outside_is_no_quiet_end():
    shop = Shop()
    before = asyncio.all_tasks()
    task = asyncio.create_task(shop.queue.consume(print))
    await until(lambda: len(asyncio.all_tasks() - before) > 2)
    (asyncio.all_tasks() - before - {task}).pop().cancel()
    with pytest.raises(CancelledInsideError):
        await task


@looped
async def test_as_many_plain_functions_run_at_a_time_as_were_asked_for():
    shop = Shop()
    shop.put(*(b"%d" % number for number in range(20)))
    together = threading.Barrier(20)

    await consuming_while(
        shop,
        lambda _: together.wait(10) and None,
        lambda: not shop.driver.messages or shop.of(MessageFailed),
        concurrency=20,
        timeout=15,
    )
    assert not shop.of(MessageFailed)


@pytest.mark.parametrize("field", ["timeout", "grace"])
@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", True])
def test_a_time_that_makes_no_sense_is_refused(field, seconds):
    with pytest.raises(InvalidRequestError) as caught:
        Shop().blocking.consume(print, **{field: seconds})
    assert caught.value.field == field


@looped
async def test_no_time_at_all_is_refused_for_a_handler():
    with pytest.raises(InvalidRequestError):
        await Shop().queue.consume(print, timeout=0)
