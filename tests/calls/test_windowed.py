"""A provider that honours a key for a while: within it a repeat is harmless, after it it is not."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.calls.once import _may_run_again
from hardpoint.chat import ChatNotifier, MemoryChat
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import OutcomeUnknownError, RateLimitedError
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, constant
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.store.journal import JournalEntry, Standing
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.testing.clock import ManualClock

WINDOW = 60.0


class Forgetful:
    """A chat in memory whose answers are lost, one after another, as they are told."""

    def __init__(self, clock, *losses):
        self.chat = MemoryChat(now=clock.now)
        self.chat.capabilities = Capabilities(
            self.chat.capabilities.flags - {"find"},
            idempotency=Idempotency.WINDOWED,
            key_seconds=WINDOW,
            limits=self.chat.capabilities.limits,
        )
        self.losses = list(losses)

    def __getattr__(self, name):
        return getattr(self.chat, name)

    async def post(self, new, *, idempotency_key):
        loss = self.losses.pop(0) if self.losses else None
        if isinstance(loss, RateLimitedError):
            raise loss
        post = await self.chat.post(new, idempotency_key=idempotency_key)
        if loss is not None:
            raise loss
        return post


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def journal(tmp_path, clock):
    store = SqliteStore(tmp_path / "shop.db", clock=clock, retention=None)
    store.open_blocking()
    yield StoreJournal(store, blocking=True)
    store.close_blocking()


def notifier(driver, clock, *, attempts=3, journal=None):
    policy = Policy(
        "ops",
        deadline=3600.0,
        retry=Retry(attempts, backoff=constant(1.0), throttled=constant(1.0)),
        clock=clock,
    )
    connection = Connection("ops", BlockingRuntime(), policy=policy, clock=clock, journal=journal)
    return ChatNotifier(driver, connection)


def unknown():
    return OutcomeUnknownError("lost")


def test_within_the_window_a_call_in_doubt_is_repeated_under_its_key(clock):
    driver = Forgetful(clock, unknown(), unknown())
    assert run(notifier(driver, clock).post("late")).id == "ops:general~m000001"
    assert len(driver.messages) == 1


def test_after_the_window_it_is_not(clock):
    driver = Forgetful(clock, unknown(), RateLimitedError("slow", retry_after=WINDOW))
    with pytest.raises(OutcomeUnknownError) as caught:
        run(notifier(driver, clock).post("late", idempotency_key="k"))
    assert driver.requests == 1
    assert caught.value.repeatable is False
    assert "forgotten" in str(caught.value)


def test_a_call_that_was_slowed_and_not_in_doubt_may_come_later(clock):
    driver = Forgetful(clock, *(RateLimitedError("slow", retry_after=WINDOW) for _ in range(2)))
    assert run(notifier(driver, clock).post("late")).id


def test_a_later_call_under_the_key_repeats_within_the_window_alone(clock, journal):
    driver = Forgetful(clock, unknown(), unknown())
    chat = notifier(driver, clock, attempts=1, journal=journal)
    with pytest.raises(OutcomeUnknownError) as caught:
        run(chat.post("late", idempotency_key="k"))
    assert (caught.value.repeatable, caught.value.key_seconds) == (True, WINDOW)
    clock.advance(WINDOW / 2)
    with pytest.raises(OutcomeUnknownError):
        run(chat.post("late", idempotency_key="k"))
    assert driver.requests == 2
    clock.advance(WINDOW)
    with pytest.raises(OutcomeUnknownError, match="cannot be asked") as caught:
        run(chat.post("late", idempotency_key="k"))
    assert (driver.requests, caught.value.repeatable) == (2, False)


def test_a_later_call_that_did_nothing_does_not_settle_the_doubt_of_an_earlier_one(clock, journal):
    driver = Forgetful(clock, unknown(), RateLimitedError("slow"))
    chat = notifier(driver, clock, attempts=1, journal=journal)
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError) as caught:
            run(chat.post("late", idempotency_key="k"))
        assert caught.value.repeatable
    clock.advance(WINDOW)
    with pytest.raises(OutcomeUnknownError, match="cannot be asked"):
        run(chat.post("late", idempotency_key="k"))
    assert driver.requests == 1


def test_what_was_done_is_told_from_the_journal_however_late(clock, journal):
    driver = Forgetful(clock)
    chat = notifier(driver, clock, journal=journal)
    post = run(chat.post("late", idempotency_key="k"))
    clock.advance(WINDOW * 100)
    assert run(chat.post("late", idempotency_key="k")) == post
    assert driver.requests == 1


def test_once_lets_a_verb_run_again_that_guards_itself(clock, journal):
    entry = JournalEntry(standing=Standing.OPEN, started_at=clock.now() - WINDOW * 2)
    recent = JournalEntry(standing=Standing.OPEN, started_at=clock.now())
    bare, kept = (notifier(Forgetful(clock), clock, journal=one).post for one in (None, journal))
    assert _may_run_again(clock, kept, entry)
    assert not _may_run_again(clock, bare, entry)
    assert _may_run_again(clock, bare, recent)
