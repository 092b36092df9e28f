import functools
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.handlers import DEFAULT_SCHEDULE, Handlers, RetryAfter, Schedule


async def mark_paid(event, job):
    pass


def print_label(event, job):
    pass


class Ledger:
    async def book(self, event, job):
        pass


class AsyncCallable:
    async def __call__(self, event, job):
        pass


class PlainCallable:
    def __call__(self, event, job):
        pass


def matching(*patterns, event_type):
    handlers = Handlers()
    for number, pattern in enumerate(patterns):
        handlers.add("billing", pattern, mark_paid, name=f"h{number}")
    return handlers.matching("billing", event_type)


@pytest.mark.parametrize(
    ("pattern", "wanted", "unwanted"),
    [
        ("payment_intent.succeeded", "payment_intent.succeeded", "payment_intent.succeeded2"),
        ("payment_intent.*", "payment_intent.canceled", "payment_intents.canceled"),
        ("*", "anything at all", None),
        ("v?.paid", "v2.paid", "v.paid"),
        ("charge.[rs]*", "charge.refunded", "charge.created"),
        ("Push", "Push", "push"),
    ],
)
def test_a_handler_gets_the_types_its_pattern_names_and_no_other(pattern, wanted, unwanted):
    assert matching(pattern, event_type=wanted) == ("h0",)
    assert unwanted is None or matching(pattern, event_type=unwanted) == ()


def test_two_handlers_of_one_event_come_in_the_order_they_were_added():
    assert matching("b.*", "*", "a.*", "b.c", event_type="b.c") == ("h0", "h1", "h3")


def test_a_handler_that_matches_twice_is_one_job():
    handlers = Handlers()
    handlers.add("billing", "a.*", mark_paid)
    handlers.add("billing", "*.b", mark_paid)

    assert handlers.matching("billing", "a.b") == ("mark_paid",)


def test_a_source_has_only_its_own_handlers():
    handlers = Handlers()
    handlers.add("billing", "*", mark_paid)

    assert handlers.matching("code", "push") == ()


def test_a_routed_source_has_that_handler_after_its_own_until_the_route_changes():
    handlers = Handlers()
    handlers.add("billing", "a", mark_paid)
    handlers.add("", "", print_label, name="forward")
    handlers.route({"billing": "forward"})

    assert handlers.matching("billing", "a") == ("mark_paid", "forward")
    assert handlers.matching("code", "a") == ()

    handlers.route({})
    assert handlers.matching("billing", "a") == ("mark_paid",)


def test_a_handler_added_later_gets_the_types_that_were_asked_for_before():
    handlers = Handlers()
    assert handlers.matching("billing", "a") == ()

    handlers.add("billing", "a", mark_paid)

    assert handlers.matching("billing", "a") == ("mark_paid",)


def test_types_without_end_do_not_fill_the_memory():
    handlers = Handlers()
    handlers.add("billing", "*.9999", mark_paid)
    for number in range(10_000):
        handlers.matching("billing", f"type.{number}")

    assert len(handlers._matches) <= 4096
    assert handlers.matching("billing", "type.9999") == ("mark_paid",)


@pytest.mark.parametrize(
    ("function", "asynchronous"),
    [
        (mark_paid, True),
        (print_label, False),
        (AsyncCallable(), True),
        (PlainCallable(), False),
        (Ledger().book, True),
        (functools.partial(mark_paid), True),
        (functools.partial(AsyncCallable()), False),  # returns a coroutine, which is awaited
    ],
)
def test_what_can_be_awaited_runs_in_the_loop_and_the_rest_in_a_thread(function, asynchronous):
    handlers = Handlers()

    handlers.add("billing", "*", function, name="one")

    assert handlers["one"].asynchronous is asynchronous
    assert handlers.names(asynchronous=asynchronous) == ("one",) == handlers.names()
    assert handlers.names(asynchronous=not asynchronous) == ()


@pytest.mark.parametrize(
    "function", [functools.partial(mark_paid), AsyncCallable(), lambda event, job: None]
)
def test_a_function_without_a_name_must_be_given_one(function):
    with pytest.raises(ConfigurationError, match="has no name"):
        Handlers().add("billing", "*", function)


def test_a_name_cannot_stand_for_two_functions():
    handlers = Handlers()
    handlers.add("billing", "*", mark_paid)

    with pytest.raises(ConfigurationError, match="another function"):
        handlers.add("code", "*", print_label, name="mark_paid")


def test_a_name_cannot_stand_for_one_function_with_two_sets_of_options():
    handlers = Handlers()
    handlers.add("billing", "a", mark_paid, retry=[1])

    with pytest.raises(ConfigurationError, match="other options"):
        handlers.add("billing", "b", mark_paid)


def test_a_method_may_be_added_twice():
    ledger, handlers = Ledger(), Handlers()
    handlers.add("billing", "a", ledger.book)
    handlers.add("billing", "b", ledger.book)

    assert handlers.names() == ("book",)


def generator(event, job):
    yield


async def async_generator(event, job):
    yield


@pytest.mark.parametrize("function", [generator, async_generator])
def test_a_generator_is_refused_since_it_would_do_nothing_and_count_as_done(function):
    with pytest.raises(ConfigurationError, match="generator"):
        Handlers().add("billing", "*", function)


def takes_one(event):
    pass


def takes_three(event, job, other):
    pass


@pytest.mark.parametrize("function", [takes_one, takes_three])
def test_a_function_that_could_not_be_called_is_refused_at_once(function):
    with pytest.raises(ConfigurationError, match=r"does not take \(event, job\)"):
        Handlers().add("billing", "*", function)


def test_a_function_that_does_not_tell_what_it_takes_is_taken():
    with pytest.raises(ValueError, match="no signature"):
        __import__("inspect").signature(max)

    handlers = Handlers()
    handlers.add("billing", "*", max)

    assert handlers.names() == ("max",)


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
def test_a_senseless_timeout_is_refused(timeout):
    with pytest.raises(ConfigurationError, match="positive seconds"):
        Handlers().add("billing", "*", mark_paid, timeout=timeout)


@pytest.mark.parametrize(
    ("delays", "jitter"), [((-1,), 0.2), ((math.inf,), 0.2), ((math.nan,), 0.2), ((1,), 1.5)]
)
def test_a_senseless_schedule_is_refused(delays, jitter):
    with pytest.raises(ConfigurationError):
        Schedule(delays, jitter)


def test_delays_may_be_given_as_plain_seconds_or_as_a_schedule():
    handlers = Handlers()
    handlers.add("billing", "*", mark_paid, retry=[1, 2])
    handlers.add("billing", "*", print_label, retry=Schedule((3,), jitter=0))

    assert handlers["mark_paid"].retry == Schedule((1, 2))
    assert handlers["print_label"].retry.delay(1, lambda: 0.9) == 3


def test_the_default_schedule_gives_up_after_ten_attempts_and_about_two_days():
    delays = list(
        itertools.takewhile(
            lambda delay: delay is not None,
            (DEFAULT_SCHEDULE.delay(failures, lambda: 0.5) for failures in itertools.count(1)),
        )
    )

    assert len(delays) == 9
    assert delays == sorted(delays)
    assert 44 <= sum(delays) / 3600 <= 46


@given(
    st.lists(st.floats(0, 1e6), max_size=12),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 20),
)
def test_a_delay_lies_within_its_jitter_and_there_are_as_many_as_were_given(
    delays, jitter, chance, failures
):
    delay = Schedule(tuple(delays), jitter).delay(failures, lambda: chance)

    if failures > len(delays):
        assert delay is None
    else:
        middle = delays[failures - 1]
        assert middle * (1 - jitter) - 1e-6 <= delay <= middle * (1 + jitter) + 1e-6


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
def test_retry_after_takes_a_time_to_come_only(seconds):
    with pytest.raises(ValueError, match="finite"):
        RetryAfter(seconds)


def test_retry_after_says_how_long_unless_it_is_told_what_to_say():
    assert str(RetryAfter(90)) == "retry after 90 s"
    assert str(RetryAfter(90, "busy")) == "busy"
