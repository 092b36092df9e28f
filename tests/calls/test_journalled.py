"""Calls to a provider that knows no keys: the journal stands in, and the provider is asked."""

import asyncio
import contextvars
import sqlite3
from contextlib import contextmanager

import msgspec
import pytest

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection, Unguarded
from hardpoint.calls.journalled import CallSpec, Search
from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import (
    AlreadyExistsError,
    CircuitOpenError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.store.journal import JobName
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.testing.clock import ManualClock

SEND = Operation("send", Repeat.NEEDS_KEY)


class Thing(msgspec.Struct, frozen=True):
    id: str
    text: str


class Vendor:
    """Acts each time it is asked; `script` says what becomes of the answers."""

    provider = "vendor"

    def __init__(self, *script, idempotency=Idempotency.NONE, key_seconds=None):
        self.capabilities = Capabilities(
            frozenset(), idempotency=idempotency, settle_seconds=120, key_seconds=key_seconds
        )
        self.script = list(script)
        self.made = []
        self.keys = []
        self.asked = []
        self.trouble = None

    async def send(self, text, key):
        self.keys.append(key)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, BaseException) and not isinstance(step, OutcomeUnknownError):
            raise step
        made = Thing(f"t{len(self.made) + 1}", text)
        self.made.append(made)
        if step is not None:
            raise step
        return made

    async def find(self, text, since):
        self.asked.append(since)
        if self.trouble is not None:
            raise self.trouble
        return [one for one in self.made if one.text == text]


class Sender:
    """A port over the vendor, in the shape of ours."""

    def __init__(self, vendor, connection, *, askable=True):
        self.vendor, self.calls, self.askable = vendor, Calls(connection, vendor), askable

    async def send(self, text, key=None, *, effect=True):
        search = Search(
            like=text,
            find=lambda since: self.vendor.find(text, since),
            likes=lambda one: one.text,
        )
        what = CallSpec(arguments=text, returns=Thing, search=search if self.askable else None)
        return await self.calls.run_keyed(
            SEND, lambda given: self.vendor.send(text, given), key, what if effect else None
        )


class Stage:
    """A store that outlives its processes, and a clock."""

    def __init__(self, path, *, blocking):
        self.path, self.blocking, self.clock = path, blocking, ManualClock()

    @contextmanager
    def life(self, vendor, *, policy=None, **options):
        """One process: gives a function that sends."""
        store = SqliteStore(self.path, clock=self.clock, retention=None)
        connection = Connection(
            "texts",
            BlockingRuntime() if self.blocking else AsyncRuntime(),
            policy=policy or Unguarded(),
            clock=self.clock,
            ids=lambda: "made",
            journal=StoreJournal(store, blocking=self.blocking),
        )
        sender = Sender(vendor, connection, **options)
        if self.blocking:
            store.open_blocking()
            try:
                yield lambda *a, **o: run(sender.send(*a, **o))
            finally:
                store.close_blocking()
        else:
            with asyncio.Runner() as runner:
                runner.run(store.open())
                try:
                    yield lambda *a, **o: runner.run(
                        sender.send(*a, **o), context=contextvars.copy_context()
                    )
                finally:
                    runner.run(store.close())


@pytest.fixture(params=["async", "blocking"])
def stage(request, tmp_path):
    return Stage(tmp_path / "store.db", blocking=request.param == "blocking")


@contextmanager
def job(attempt, event="e1"):
    token = occasion.set(Occasion(f"hp:{event}:h", JobName(event, "h", attempt)))
    try:
        yield
    finally:
        occasion.reset(token)


def unknown():
    return OutcomeUnknownError("no answer")


def test_a_key_sends_once_and_a_repeat_gets_the_recorded_result(stage):
    vendor = Vendor()
    with stage.life(vendor) as send:
        first = send("hello", "k1")
        assert send("hello", "k1") == first
    with stage.life(vendor) as send:
        assert send("hello", "k1") == first
        assert send("hello", "k2") != first
    assert len(vendor.made) == 2


def test_a_key_with_other_arguments_is_refused_and_named(stage):
    vendor = Vendor()
    with stage.life(vendor) as send:
        send("hello", "k1")
        with pytest.raises(
            IdempotencyConflictError, match="'k1' was used with other arg"
        ) as caught:
            send("bye", "k1")
    assert (caught.value.provider, caught.value.operation) == ("vendor", "send")
    assert len(vendor.made) == 1


@pytest.mark.parametrize(
    "refusal", [DeclinedError(reason="no"), InvalidRequestError("bad", status=400)]
)
def test_a_refusal_frees_the_key_for_the_next_call(stage, refusal):
    vendor = Vendor(refusal)
    with stage.life(vendor) as send:
        with pytest.raises(type(refusal)):
            send("hello", "k1")
        assert send("hello", "k1").id == "t1"


class Shut:
    """A policy that lets nothing through."""

    def with_(self, *, repeat, tells_calls=True):
        return self

    def call(self, function):
        raise CircuitOpenError("texts")


def test_what_our_own_policy_refused_was_not_sent_and_frees_the_key(stage):
    vendor = Vendor()
    with stage.life(vendor, policy=Shut()) as send, pytest.raises(CircuitOpenError):
        send("hello", "k1")
    with stage.life(vendor) as send:
        assert send("hello", "k1").id == "t1"


class Degraded(Shut):
    """A policy that answers in the provider's place."""

    def __init__(self, *, blocking):
        self.blocking = blocking

    def call(self, function):
        if self.blocking:
            return Thing("none", "degraded")
        return asyncio.sleep(0, Thing("none", "degraded"))


def test_the_result_of_a_fallback_is_not_what_the_key_stands_for(stage):
    vendor = Vendor()
    with stage.life(vendor, policy=Degraded(blocking=stage.blocking)) as send:
        assert send("hello", "k1").text == "degraded"
    with stage.life(vendor) as send:
        assert send("hello", "k1").id == "t1"


def test_after_a_doubt_the_provider_is_asked_and_what_it_has_is_the_result(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError, match="no answer") as caught:
            send("hello", "k1")
        assert caught.value.repeatable
        assert send("hello", "k1") == vendor.made[0]
        assert send("hello", "k1") == vendor.made[0]
    assert len(vendor.made) == len(vendor.asked) == 1
    assert vendor.asked == [stage.clock.now() - 300]


def test_a_search_that_is_cancelled_leaves_the_key_to_the_next_call(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError):
            send("hello", "k1")
        vendor.trouble = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            send("hello", "k1")
        vendor.trouble = None
        assert send("hello", "k1") == vendor.made[0]


def test_what_the_provider_does_not_have_is_sent_only_when_nothing_can_be_on_its_way(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError):
            send("hello", "k1")
        vendor.made.clear()
        stage.clock.advance(20)
        with pytest.raises(OutcomeUnknownError, match="may still do") as caught:
            send("hello", "k1")
        assert (caught.value.repeatable, caught.value.retry_after) == (True, 100)
        stage.clock.advance(99)
        with pytest.raises(OutcomeUnknownError) as caught:
            send("hello", "k1")
        assert caught.value.retry_after == 1
        assert vendor.made == []
        stage.clock.advance(1)
        assert send("hello", "k1") == vendor.made[0]
        assert send("hello", "k1") == vendor.made[0]
    assert len(vendor.made) == 1


class OddLister(Vendor):
    """It lists all that it has made, in words of its own."""

    async def find(self, text, since):
        return list(self.made)


def test_what_the_provider_lists_in_strange_words_may_be_the_effect(stage):
    """Another call under way may have made it: that takes as long again to show. Then it stays."""
    vendor = OddLister(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError):
            send("hello", "k1")
        vendor.made[:] = [Thing("t1", "Hello!")]
        stage.clock.advance(130)
        with pytest.raises(OutcomeUnknownError, match="it lists what no key has made") as caught:
            send("hello", "k1")
        assert (caught.value.repeatable, caught.value.retry_after) == (True, 110)
        stage.clock.advance(110)
        with pytest.raises(OutcomeUnknownError, match="it lists what no key has made") as caught:
            send("hello", "k1")
        assert (caught.value.repeatable, caught.value.retry_after) == (False, None)
    assert len(vendor.made) == 1


class SlowToLook(Vendor):
    """Its list is written at the beginning of a long search."""

    clock: ManualClock

    async def find(self, text, since):
        found = await super().find(text, since)
        self.clock.advance(200)
        return found


def test_what_was_looked_for_long_ago_is_not_taken_for_what_is_there_now(stage):
    vendor = SlowToLook(unknown())
    vendor.clock = stage.clock
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError, match="no answer"):
            send("hello", "k1")
        vendor.made.clear()
        with pytest.raises(OutcomeUnknownError, match="may still do") as caught:
            send("hello", "k1")
    assert vendor.made == []
    assert caught.value.retry_after == 120


def test_what_is_sent_again_and_ends_in_doubt_again_must_wait_again(stage):
    vendor = Vendor(unknown(), unknown())
    with stage.life(vendor) as send:
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError, match="no answer"):
                send("hello", "k1")
            vendor.made.clear()
            stage.clock.advance(119)
            with pytest.raises(OutcomeUnknownError, match="may still do"):
                send("hello", "k1")
            stage.clock.advance(1)
        assert send("hello", "k1").text == "hello"


@pytest.mark.parametrize(
    ("trouble", "repeatable"),
    [
        (UnavailableError(retry_after=7.0), True),
        (OutcomeUnknownError("no answer"), True),
        (InvalidRequestError("too many pages", field="since"), False),
    ],
)
def test_when_asking_fails_the_outcome_stays_unknown(stage, trouble, repeatable):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError):
            send("hello", "k1")
        vendor.trouble = trouble
        with pytest.raises(OutcomeUnknownError, match="asking failed") as caught:
            send("hello", "k1")
        assert caught.value.repeatable is repeatable
        assert caught.value.retry_after == trouble.retry_after
        assert caught.value.__cause__ is trouble
        vendor.trouble = None
        assert send("hello", "k1") == vendor.made[0]
    assert len(vendor.made) == 1


def test_where_the_provider_cannot_be_asked_the_doubt_stays(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor, askable=False) as send:
        with pytest.raises(OutcomeUnknownError) as caught:
            send("hello", "k1")
        assert not caught.value.repeatable
        stage.clock.advance(10**6)
        with pytest.raises(OutcomeUnknownError, match="cannot be asked") as caught:
            send("hello", "k1")
        assert (caught.value.repeatable, caught.value.idempotency_key) == (False, "k1")
    assert len(vendor.made) == 1


def test_what_was_found_belongs_to_one_key_only(stage):
    """Two orders, one text: one message each, whoever asks first."""
    vendor = Vendor(unknown(), unknown())
    with stage.life(vendor) as send:
        for key in ("k1", "k2"):
            with pytest.raises(OutcomeUnknownError):
                send("hello", key)
        vendor.made.pop()  # only one of the two was made, and nobody can say for which
        first = send("hello", "k2")
        stage.clock.advance(120)
        second = send("hello", "k1")
    assert first != second
    assert len(vendor.made) == 2


def test_calls_without_a_key_are_not_written_down(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with pytest.raises(OutcomeUnknownError) as caught:
            send("hello")
        assert not caught.value.repeatable
        send("hello")
    assert len(vendor.made) == 2


def test_a_call_that_does_not_say_what_it_asks_for_is_not_written_down(stage):
    vendor = Vendor(unknown())
    with stage.life(vendor) as send, job(1):
        with pytest.raises(OutcomeUnknownError) as caught:
            send("hello", "k1", effect=False)
        assert not caught.value.repeatable
        send("hello", effect=False)
    assert vendor.keys == ["send:k1", "send:made"]


def test_a_result_whose_time_is_over_is_not_sent_for_again(stage):
    vendor = Vendor()
    with stage.life(vendor) as send:
        send("hello", "k1")
    connection = sqlite3.connect(stage.path)
    connection.execute("update hardpoint_call set result = null")
    connection.commit()
    connection.close()
    with stage.life(vendor) as send, pytest.raises(AlreadyExistsError, match="'k1'"):
        send("hello", "k1")


# Jobs


def test_in_a_job_each_attempt_makes_the_same_calls_under_the_same_keys(stage):
    vendor = Vendor()
    with stage.life(vendor) as send:
        with job(1):
            sent = [send(text) for text in ("hello", "bye", "hello")]
        with job(2):
            assert [send(text) for text in ("hello", "bye", "hello")] == sent
        with job(1, event="e2"):
            assert send("hello") not in sent
    assert len(vendor.made) == 4


def test_an_attempt_with_other_arguments_is_not_sent_beside_one_in_doubt(stage):
    """A handler that writes the time into its text would send twice."""
    vendor = Vendor(unknown())
    with stage.life(vendor) as send:
        with job(1), pytest.raises(OutcomeUnknownError):
            send("it is 12:00")
        with job(2), pytest.raises(OutcomeUnknownError, match="other arguments") as caught:
            send("it is 12:01")
        assert not caught.value.repeatable
    assert len(vendor.made) == 1


def test_a_provider_that_honours_keys_gets_the_jobs_own_and_nothing_is_written_down(stage):
    vendor = Vendor(unknown(), idempotency=Idempotency.NATIVE, key_seconds=60.0)
    with stage.life(vendor) as send:
        with job(1), pytest.raises(OutcomeUnknownError) as caught:
            send("hello")
        assert (caught.value.repeatable, caught.value.key_seconds) == (True, 60)
        with job(2):
            send("hello")
        vendor.script.append(unknown())
        with pytest.raises(OutcomeUnknownError) as caught:
            send("hello")
        assert not caught.value.repeatable  # nobody would find this key again
    first, second, other = vendor.keys
    assert first == second != other


# Under way, and cancelled


def test_a_second_call_is_refused_while_the_first_is_under_way(tmp_path):
    stage, go_on = Stage(tmp_path / "store.db", blocking=False), asyncio.Event()

    class Slow(Vendor):
        async def send(self, text, key):
            await go_on.wait()
            return await super().send(text, key)

    vendor = Slow()

    async def scenario():
        store = SqliteStore(stage.path, clock=stage.clock)
        await store.open()
        journal = StoreJournal(store)
        sender = Sender(vendor, Connection("texts", AsyncRuntime(), journal=journal))
        first = asyncio.create_task(sender.send("hello", "k1"))
        while not store.in_flight.sending:
            await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="under way") as caught:
            await sender.send("hello", "k1")
        assert caught.value.retry_after == 1
        go_on.set()
        assert (await first).id == "t1"
        # A rival that is being sent may be what was found.
        vendor.script.append(unknown())
        with pytest.raises(OutcomeUnknownError):
            await sender.send("hello", "k2")
        go_on.clear()
        rival = asyncio.create_task(sender.send("hello", "k3"))
        while len(store.in_flight.sending) < 1:
            await asyncio.sleep(0)
        with pytest.raises(OutcomeUnknownError, match="looks the same") as unsure:
            await sender.send("hello", "k2")
        assert unsure.value.repeatable
        go_on.set()
        await rival
        assert await sender.send("hello", "k2") == vendor.made[1]
        # Cancelled in the middle, it may have been sent.
        go_on.clear()
        cut = asyncio.create_task(sender.send("bye", "k4"))
        while len(store.in_flight.sending) < 1:
            await asyncio.sleep(0)
        await store.next_due([])
        await asyncio.sleep(0)
        cut.cancel()
        await asyncio.wait([cut])
        assert cut.cancelled()
        with pytest.raises(OutcomeUnknownError, match="may still do"):
            await sender.send("bye", "k4")
        await store.close()

    asyncio.run(scenario())
    assert len(vendor.made) == 3
