"""One logical call: what its attempts' errors mean for retries, for doubt and for listeners."""

import asyncio

import pytest

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded, CallEnded
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import (
    AttemptTimeoutError,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    DeclinedError,
    HardpointError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.testing.clock import ManualClock

READ = Operation("read", Repeat.SAFE)
SET = Operation("set", Repeat.IDEMPOTENT)
PAY = Operation("pay", Repeat.NEEDS_KEY)
SEND = Operation("send", Repeat.NEVER)


class Vendor:
    """A driver whose attempts end as scripted."""

    provider = "vendor"

    def __init__(self, *script, idempotency=Idempotency.NATIVE):
        self.capabilities = Capabilities(frozenset(), idempotency=idempotency)
        self.script = list(script)
        self.keys = []

    async def attempt(self, key=None):
        self.keys.append(key)
        step = self.script.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step


class Persistent:
    """A policy that tries as often as its script allows, recording what it was told."""

    def __init__(self, attempts=3, then=None):
        self.attempts = attempts
        self.then = then
        self.classes = []
        self.operation = None

    def with_(self, *, repeat, tells_calls=True):
        self.classes.append(repeat)
        return self

    def call(self, function):
        for attempt in range(1, self.attempts + 1):
            try:
                return function()
            except HardpointError as error:
                if attempt == self.attempts:
                    if self.then is not None:
                        raise self.then from error
                    error.add_note("gave up")
                    raise
        raise AssertionError


def calls(vendor, policy=None, *listeners, clock=None):
    connection = Connection(
        "shop",
        BlockingRuntime(),
        policy=policy or Persistent(1),
        clock=clock or ManualClock(),
        ids=lambda: "made",
        listeners=Listeners(*listeners),
    )
    return Calls(connection, vendor)


def ask(vendor, operation, policy=None, *listeners):
    return run(calls(vendor, policy, *listeners).run(operation, vendor.attempt))


def test_each_class_of_operation_tells_the_policy_what_a_repeat_does():
    policy = Persistent()
    calls(Vendor(), policy)
    assert policy.classes == ["safe", "idempotent", "idempotent", "never"]
    policy = Persistent()
    calls(Vendor(idempotency=Idempotency.NONE), policy)
    assert policy.classes == ["safe", "idempotent", "needs_key", "never"]


def test_every_attempt_gets_the_same_key():
    vendor = Vendor(UnavailableError(), UnavailableError(), "paid")
    assert run(calls(vendor, Persistent(3)).run_keyed(PAY, vendor.attempt, "order 7")) == "paid"
    assert len(vendor.keys) == 3
    assert len(set(vendor.keys)) == 1


def test_without_a_key_one_is_made_for_the_call():
    vendor = Vendor("paid")
    run(calls(vendor).run_keyed(PAY, vendor.attempt, None))
    assert vendor.keys == ["pay:made"]


def test_an_unusable_key_is_refused_before_any_attempt():
    vendor = Vendor("paid")
    with pytest.raises(InvalidRequestError):
        run(calls(vendor).run_keyed(PAY, vendor.attempt, ""))
    assert not vendor.keys


def test_an_error_says_who_and_what():
    with pytest.raises(NotFoundError) as caught:
        ask(Vendor(NotFoundError(status=404)), READ)
    assert (caught.value.provider, caught.value.operation) == ("vendor", "read")


def test_reading_is_never_in_doubt():
    unknown = OutcomeUnknownError("no answer", status=500, request_id="r", retry_after=3.0)
    with pytest.raises(UnavailableError, match="no answer") as caught:
        ask(Vendor(unknown), READ)
    assert caught.value.__cause__ is unknown
    assert (caught.value.status, caught.value.request_id) == (500, "r")
    assert (caught.value.retry_after, caught.value.outcome_known) == (3.0, True)


@pytest.mark.parametrize("operation", [SET, PAY, SEND])
def test_a_change_that_ends_in_doubt_says_so_with_its_key(operation):
    vendor = Vendor(OutcomeUnknownError("no answer"))
    with pytest.raises(OutcomeUnknownError, match="no answer") as caught:
        run(calls(vendor).run_keyed(operation, vendor.attempt, "order-7"))
    assert (caught.value.provider, caught.value.operation) == ("vendor", operation.name)
    assert caught.value.idempotency_key == "order-7"


@pytest.mark.parametrize(
    "last",
    [
        UnavailableError("refused"),
        RateLimitedError("slow down", status=429),
        AuthenticationError("who?", status=401),
        ConfigurationError("secret", "is gone"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_doubt_stays_until_the_provider_tells(last):
    vendor = Vendor(OutcomeUnknownError(), last)
    with pytest.raises(OutcomeUnknownError, match="may have taken effect") as caught:
        ask(vendor, SET, Persistent(2))
    assert caught.value.__cause__ is last
    assert caught.value.__notes__ == ["gave up"]
    assert caught.value.status == getattr(last, "status", None)


def test_a_refusal_of_our_own_after_doubt_leaves_the_doubt():
    with pytest.raises(OutcomeUnknownError) as caught:
        ask(Vendor(OutcomeUnknownError()), SET, Persistent(1, then=CircuitOpenError()))
    assert isinstance(caught.value.__cause__, CircuitOpenError)


def test_a_timeout_of_our_own_leaves_doubt_only_where_something_changes():
    for operation, expected in ((SET, OutcomeUnknownError), (READ, AttemptTimeoutError)):
        policy = Persistent(1, then=AttemptTimeoutError())
        with pytest.raises(expected):
            ask(Vendor(OutcomeUnknownError()), operation, policy)


def test_the_providers_last_word_settles_doubt():
    for word in (NotFoundError(status=404), DeclinedError(reason="declined", status=402)):
        with pytest.raises(type(word)) as caught:
            ask(Vendor(OutcomeUnknownError(), word), SET, Persistent(2))
        assert caught.value is word
    assert ask(Vendor(OutcomeUnknownError(), "set"), SET, Persistent(2)) == "set"


def test_what_never_was_sent_leaves_no_doubt():
    for error in (UnavailableError(), CircuitOpenError()):
        with pytest.raises(type(error)):
            ask(Vendor(error), PAY)


def test_what_the_provider_forbids_to_retry_is_told_as_it_is():
    stored = OutcomeUnknownError(status=500, retryable=False)
    seen = []

    class Watching(Persistent):
        def call(self, function):
            try:
                return function()
            except HardpointError as error:
                seen.append((error.outcome_known, error.retryable))
                raise

    with pytest.raises(OutcomeUnknownError) as caught:
        ask(Vendor(stored), PAY, Watching())
    assert seen == [(False, False)]
    assert not caught.value.outcome_known


def test_no_exception_of_somebody_else_escapes():
    bug = KeyError("id")
    with pytest.raises(UnexpectedResponseError, match="KeyError in the driver") as caught:
        ask(Vendor(bug), READ)
    assert caught.value.__cause__ is bug
    with pytest.raises(OutcomeUnknownError):
        ask(Vendor(KeyError("id")), PAY)


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt):
        ask(Vendor(KeyboardInterrupt()), PAY)


def test_listeners_hear_of_every_attempt_and_of_the_call():
    told = []
    clock = ManualClock()
    vendor = Vendor(RateLimitedError(status=429, request_id="r1"), "paid")

    async def attempt():
        clock.advance(0.5)
        return await vendor.attempt()

    token = correlation_id.set("c-1")
    try:
        run(calls(vendor, Persistent(2), told.append, clock=clock).run(SET, attempt))
    finally:
        correlation_id.reset(token)
    facts = {"connection": "shop", "provider": "vendor", "operation": "set"}
    facts["call_id"] = told[0].call_id
    facts["correlation_id"] = "c-1"
    good = {"error": None, "status": None, "request_id": None, "seconds": 0.5}
    bad = {"error": "rate_limited", "status": 429, "request_id": "r1", "seconds": 0.5}
    assert told == [
        AttemptEnded(attempt=1, **bad, **facts),
        AttemptEnded(attempt=2, **good, **facts),
        CallEnded(attempts=2, seconds=1.0, error=None, **facts),
    ]


def test_listeners_hear_how_a_call_failed():
    told = []
    with pytest.raises(ConfigurationError):
        ask(Vendor(ConfigurationError("secret", "is gone")), SET, Persistent(1), told.append)
    assert [event.error for event in told] == ["ConfigurationError", "ConfigurationError"]


def test_listeners_hear_of_a_cancelled_call():
    told = []

    async def scenario():
        started = asyncio.Event()

        async def attempt():
            started.set()
            await asyncio.Event().wait()

        connection = Connection("shop", AsyncRuntime(), listeners=Listeners(told.append))
        task = asyncio.create_task(Calls(connection, Vendor()).run(SET, attempt))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert [event.error for event in told] == ["cancelled", "cancelled"]
