"""Inline replies: said in the answer itself, after the commit, at most once, within two seconds."""

import asyncio
import json
import threading

import pytest

from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.webhooks.answers import STORED, UNAVAILABLE
from hardpoint.webhooks.replies import (
    REPLIES_MAX,
    REPLY_BYTES_MAX,
    ReplyFailed,
    ReplyFunctions,
    answer_of,
)
from hardpoint.webhooks.verification import Reply, scheme

GIVEN_UP = 0.05


@pytest.fixture
def one(rig):
    return rig()


def replies(one, function, pattern="paid"):
    one.inbox.replies.add("billing", pattern, function)
    return function


def told(one):
    return [(event.reason, event.severity) for event in one.told if isinstance(event, ReplyFailed)]


def deliver(one, *requests):
    """Plays the requests one after another; gives their answers."""

    async def scenario():
        return [await one.deliver(*request) for request in requests or ((),)]

    return one.play(scenario)


def hurried(one, monkeypatch, seconds=GIVEN_UP):
    monkeypatch.setattr("hardpoint.webhooks.inbox.REPLY_SECONDS", seconds)


def test_what_it_says_is_the_answer_and_handlers_run_besides(one):
    seen = []

    @one.on("paid")
    async def handle(event, job):
        seen.append((event.vendor_id, correlation_id.get() is not None))

    async def thank(event):
        seen.append(correlation_id.get() == event.correlation_id)
        return {"text": f"Thanks for {event.json()['id']}"}

    replies(one, thank)

    async def scenario():
        answer = await one.deliver()
        await one.until(one.attempts)
        return answer

    answer = one.play(scenario)
    assert (answer.status, json.loads(answer.body)) == (200, {"text": "Thanks for evt_1"})
    assert sorted(seen, key=str) == [("evt_1", True), True]
    assert told(one) == []


def test_it_runs_once_and_a_repeat_hears_the_default(one):
    calls = []
    replies(one, lambda event: calls.append(event.id) or "heard")
    first, again, other = deliver(one, ("evt_1",), ("evt_1",), ("evt_2",))
    assert (first.body, again, other.body) == (b"heard", STORED, b"heard")
    assert len(calls) == 2


def test_it_runs_after_the_commit_and_not_without_one(one):
    stored = []

    async def look(event):
        (found,) = one.read(lambda reader: reader.event(event.id))
        stored.append(found.summary.id == event.id)
        return "ok"

    replies(one, look)
    deliver(one)
    assert stored == [True]
    one.faults.raising["accept"] = StoreUnavailableError("full")
    assert deliver(one, ("evt_2",)) == [UNAVAILABLE]
    assert stored == [True]


def test_none_is_the_default(one):
    replies(one, lambda event: None)
    assert deliver(one) == [STORED]
    assert told(one) == []


def test_one_that_fails_gives_the_default_and_is_told_with_its_place(one):
    async def broken(event):
        raise LookupError("no such order")

    replies(one, broken)
    assert deliver(one) == [STORED]
    (failure,) = [event for event in one.told if isinstance(event, ReplyFailed)]
    assert (failure.reason, failure.severity, failure.reply) == ("failed", "error", "broken")
    assert failure.error == "LookupError: no such order"
    assert failure.place.function.endswith("broken")


def test_a_late_one_is_cancelled_and_the_default_is_said_in_time(one, monkeypatch):
    hurried(one, monkeypatch)
    ended = []

    async def slow(event):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(event.vendor_id)

    replies(one, slow)
    assert deliver(one) == [STORED]
    assert ended == ["evt_1"]
    assert told(one) == [("late", "warning")]


def test_one_that_heeds_no_cancellation_keeps_nobody_waiting(one, monkeypatch):
    hurried(one, monkeypatch)
    go_on = threading.Event()
    replies(one, lambda event: go_on.wait(20) and "too late")

    async def scenario():
        answer = await one.deliver()
        assert one.inbox._replying._under_way, "it is answered before it has ended"
        go_on.set()
        await one.until(lambda: not one.inbox._replying._under_way)
        await one.until(lambda: not one.inbox._replying._abandoned)
        return answer

    assert one.play(scenario) == STORED
    assert told(one) == [("late", "warning")]


def test_a_commit_that_took_all_the_time_leaves_none(one, monkeypatch):
    hurried(one, monkeypatch, 0.0)
    replies(one, lambda event: "never")
    assert deliver(one) == [STORED]
    assert told(one) == [("late", "warning")]


def test_only_so_many_are_under_way(one):
    released = []

    async def wait(event):
        gate = asyncio.get_running_loop().create_future()
        released.append(gate)
        return await gate

    replies(one, wait, "*")

    async def scenario():
        waiting = [one.deliver(f"evt_{number}") for number in range(REPLIES_MAX)]
        await one.until(lambda: len(released) == REPLIES_MAX)
        crowded = await one.deliver("evt_more")
        for gate in released:
            gate.set_result("at last")
        return crowded, {answer.body for answer in await asyncio.gather(*waiting)}

    assert one.play(scenario) == (STORED, {b"at last"})
    assert told(one) == [("crowded", "warning")]


def test_a_hub_that_stops_answers_those_under_way(one):
    async def wait(event):
        await asyncio.Event().wait()

    replies(one, wait)

    async def scenario():
        answered = one.deliver()
        await one.until(lambda: one.inbox._replying._under_way)
        one.inbox.close()
        one.inbox.close()
        return await answered

    assert one.play(scenario) == STORED


def test_the_next_loop_begins_anew(one):
    replies(one, lambda event: "here")
    assert [deliver(one, (name,))[0].body for name in ("evt_1", "evt_2")] == [b"here", b"here"]


def test_what_was_left_in_a_closed_loop_is_let_go(one):
    replies(one, lambda event: asyncio.sleep(20))
    loop = asyncio.new_event_loop()

    async def leave():
        await one.store.open()
        answered = one.deliver()
        await one.until(lambda: one.inbox._replying._under_way)
        return answered

    loop.run_until_complete(leave())
    left = set(one.inbox._replying._under_way)
    loop.run_until_complete(one.store.close())
    for task in left:
        task.get_coro().close()
        task._log_destroy_pending = False
    loop.close()
    assert deliver(one, ("evt_2",)) == [STORED]


def test_a_plain_function_may_return_a_coroutine(one):
    async def later():
        return "later"

    replies(one, lambda event: later())
    assert deliver(one)[0].body == b"later"


def test_who_cancels_its_own_task_has_failed(one):
    async def cancel(event):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    replies(one, cancel)
    assert deliver(one) == [STORED]
    assert told(one) == [("failed", "error")]


def test_an_exact_type_comes_before_a_pattern(one):
    replies(one, lambda event: "pattern", "p*")
    replies(one, lambda event: "other", "q[a]")
    replies(one, lambda event: "exact")
    answers = deliver(one, ("evt_1", "paid"), ("evt_2", "pending"), ("evt_3", "refunded"))
    assert [answer.body for answer in answers] == [b"exact", b"pattern", STORED.body]


@pytest.mark.parametrize("pattern", ["paid", "p*"])
def test_there_is_one_reply_to_a_type(pattern):
    functions = ReplyFunctions()
    functions.add("billing", pattern, lambda event: None)
    with pytest.raises(ConfigurationError, match="one answer"):
        functions.add("billing", pattern, lambda event: None)
    functions.add("shop", pattern, lambda event: None)
    assert functions.sources() == {"billing", "shop"}


@pytest.mark.parametrize(
    ("function", "pattern", "problem"),
    [
        (lambda: None, "paid", r"does not take \(event\)"),
        (lambda event, job: None, "paid", r"does not take \(event\)"),
        (lambda event: (yield), "paid", "generator"),
        (lambda event: None, 7, "as text"),
    ],
)
def test_what_could_not_reply_is_refused_at_once(function, pattern, problem):
    with pytest.raises(ConfigurationError, match=problem):
        ReplyFunctions().add("billing", pattern, function)


def test_a_scheme_may_frame_what_is_said():
    bound = scheme("discord", secrets=["00" * 32])
    assert json.loads(answer_of("hello", bound).body)["data"]["content"] == "hello"
    assert answer_of(Reply(body=b"hello"), bound).body == b"hello"


def test_text_json_and_a_reply_as_it_is():
    assert dict(answer_of("ü", None).headers)[b"content-type"] == b"text/plain; charset=utf-8"
    assert answer_of(["a"], None).body == b'["a"]'
    own = Reply(status=202, headers=((b"x-own", b"1"),), body=b"<x/>")
    assert answer_of(own, None).status == 202


@pytest.mark.parametrize(
    "value",
    [
        7,
        {"a": object()},
        "\ud800",
        "x" * (REPLY_BYTES_MAX + 1),
        Reply(status=99),
        Reply(status=103),
        Reply(status=299),
        Reply(status=204, body=b"x"),
        Reply(headers=((b"x-a", b"1\r\nset-cookie: a=b"),)),
        Reply(headers=((b"x a", b"1"),)),
        Reply(headers=((b"Content-Length", b"1"),)),
        Reply(headers=((b"transfer-encoding", b"chunked"),)),
    ],
)
def test_what_cannot_be_sent_gives_the_default(one, value):
    replies(one, lambda event: value)
    assert deliver(one) == [STORED]
    assert told(one) == [("failed", "error")]


@pytest.mark.parametrize(
    "odd",
    [
        Reply(body="text"),
        Reply(body=bytearray(b"x")),
        Reply(headers=[(b"a", b"b")]),
        Reply(headers=([b"a", b"b"],)),
        Reply(headers=(("a", "b"),)),
        Reply(headers=((b"a", bytearray(b"b")),)),
        Reply(status="200"),
    ],
    ids=str,
)
def test_a_reply_of_other_types_is_refused_before_anything_is_said(odd):
    with pytest.raises((TypeError, ValueError)):
        answer_of(odd, None)
