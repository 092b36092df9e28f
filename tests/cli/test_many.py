"""Many events changed by one command: found by what they are, planned, and carried out."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from hardpoint.cli.changes import Errand
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.hub.hub import Hub
from hardpoint.store.sqlite import SqliteReader

Cli = Callable[..., Any]
Events = dict[str, str]


def jobs_of(*identifiers: str) -> list[int]:
    with closing(SqliteReader("hardpoint.db")) as reader:
        return [len(view.jobs) for one in identifiers for view in reader.event(one)]


def audited() -> list[tuple[str, str]]:
    with closing(sqlite3.connect("hardpoint.db")) as connection:
        return connection.execute("select target, reason from hardpoint_audit").fetchall()


def test_a_plan_is_shown_and_changes_nothing(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", "--source", "billing", "--dry-run")
    assert run.code == 0
    assert run.out.splitlines()[1].split() == [events["dead"], "-", "retry"]
    assert run.err == "1 of them. Nothing was done: leave --dry-run out to do it\n"
    assert jobs_of(events["dead"]) == [0]
    assert audited() == []
    named = cli("events", "resolve", "evt_paid", "nobody", "--note", "x", "--dry-run", "--json")
    assert named.data["plan"] == [
        {"id": events["done"], "handler": None},
        {"id": None, "handler": None},
    ]
    assert "no event nobody" in cli("events", "retry", "nobody", "--dry-run").out


def test_dead_events_are_what_a_search_retries_and_the_search_is_on_record(
    cli: Cli, events: Events
) -> None:
    run = cli("events", "retry", "--source", "billing", "--type", "payment.*")
    assert run.code == 0
    assert "1 of 1 looked at, 1 job(s) changed" in run.err
    assert "the jobs wait for the next one" in run.err
    assert jobs_of(events["dead"]) == [1]
    search = "hardpoint events retry --source billing --type 'payment.*' --state dead"
    assert audited() == [(events["dead"], search)]


def test_a_state_can_be_named(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", "--state", "needs_reconcile", "--json")
    assert [one["id"] for one in run.data["results"]] == [events["doubtful"]]


@pytest.mark.parametrize(
    ("since", "found"),
    [("1d", 8), ("3s", 4), ("2023-11-14T22:13:26Z", 3), ("2023-11-14T22:13:26", 3), ("0s", 1)],
)
def test_events_are_listed_since_a_time(cli: Cli, events: Events, since: str, found: int) -> None:
    listed = cli("events", "list", "--since", since, "--json").data["events"]
    assert len(listed) == found


@pytest.mark.parametrize("since", ["yesterday", "2x", "-1h"])
def test_what_is_no_time_is_refused(cli: Cli, events: Events, since: str) -> None:
    run = cli("events", "retry", f"--since={since}")
    assert run.code == 2
    assert "--since 2h" in run.err


@pytest.mark.parametrize("arguments", [[], ["evt_paid", "--source", "billing"]])
def test_events_are_named_or_searched_for_but_not_both(
    cli: Cli, events: Events, arguments: list[str]
) -> None:
    for command in (["events", "retry"], ["dlq", "replay"]):
        run = cli(*command, *arguments)
        assert run.code == 2
        assert "name events by their ids, or say which" in run.err


def test_a_search_passes_over_what_there_is_nothing_to_do_for(cli: Cli, events: Events) -> None:
    run = cli("events", "replay", "--since", "1d", "--force", "--limit", "5", "--json")
    assert run.code == 0
    results = {one["id"]: one for one in run.data["results"]}
    assert list(results) == sorted(results, reverse=True)
    assert results[events["doubtful"]]["jobs"] == 1
    assert "--handler" in results[events["malformed"]]["problem"]
    assert run.data["before"] == list(results)[-1]
    shown = cli("events", "replay", "--since", "1d", "--before", run.data["before"])
    assert "next:" not in shown.err.partition("changed")[2].partition("No server")[0]
    assert events["skipped"] in shown.out
    assert events["dead"] not in shown.out  # what went well is counted, not listed


def test_a_search_says_how_to_go_on(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", "--state", "pending", "--limit", "1")
    assert f"next:  the same, with --before {events['two']}\n" in run.err
    nothing = cli("events", "retry", "--source", "nobody")
    assert (nothing.code, nothing.out) == (0, "")
    assert "0 of 0 looked at" in nothing.err


# Dead letters


def test_dead_letters_are_retried_but_not_parked_ones(cli: Cli, events: Events) -> None:
    assert cli("dlq", "retry", "--type", "payment.*", "--handler", "nobody").out == ""
    run = cli("dlq", "retry", "--type", "payment.*", "--json")
    [result] = run.data["results"]
    assert (result["id"], result["handler"], result["jobs"]) == (events["dead"], "mark_paid", 1)
    assert jobs_of(events["dead"], events["doubtful"]) == [1, 0]
    parked = cli("dlq", "retry", "--state", "needs_reconcile", "--json")
    assert [one["id"] for one in parked.data["results"]] == [events["doubtful"]]


def test_dead_letters_are_looked_at_page_by_page(
    cli: Cli, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpoint.cli.selection._PAGE", 1)
    for limit in ([], ["--limit", "1"]):
        run = cli("dlq", "retry", "--source", "billing", *limit, "--dry-run", "--json")
        assert [one["id"] for one in run.data["plan"]] == [events["dead"]]


def test_dead_letters_are_replayed_and_discarded(cli: Cli, events: Events) -> None:
    run = cli("dlq", "discard", "--since", "1d", "--note", "a test of last year", "--limit", "1")
    assert run.code == 0
    assert "--before 170000000" in run.err.replace("'", "")
    [shown] = cli("events", "show", events["dead"], "--json").data["events"]
    assert (shown["state"], shown["dead"]) == ("resolved", [])
    listed = cli("events", "list", "--state", "resolved", "--json").data["events"]
    assert [one["id"] for one in listed] == [events["dead"]]
    assert shown["attempts"][-1]["error"] == "resolved: a test of last year"
    assert cli("dlq", "replay", "evt_doubtful").code == 0
    assert jobs_of(events["doubtful"]) == [1]


def test_only_dead_ones_are_dead_letters(cli: Cli, events: Events) -> None:
    run = cli("dlq", "retry", "--state", "pending")
    assert run.code == 2
    assert "dead letters are dead, or needs_reconcile" in run.err


def test_lists_of_jobs_go_on_where_they_ended(cli: Cli, events: Events) -> None:
    first = cli("dlq", "--limit", "1", "--json").data
    second = cli("dlq", "--limit", "1", "--before", first["before"], "--json").data
    ids = [one["id"] for one in (*first["dead_letters"], *second["dead_letters"])]
    assert ids == [events["doubtful"], events["dead"]]
    assert cli("dlq", "--before", second["before"], "--json").data["before"] is None
    assert f"or:    add --before {first['before']}" in cli("dlq", "--limit", "1").err
    failing = cli("events", "list", "--failing", "--limit", "1", "--json").data
    assert f"--before {failing['before']}" in cli("events", "list", "--failing", "--limit", "1").err
    rest = cli("events", "list", "--failing", "--before", failing["before"], "--json").data
    assert rest == {"failing": [], "before": None}
    run = cli("dlq", "--before", "somewhere")
    assert run.code == 2
    assert "copy it from there" in run.err


# Beside others


def test_an_application_of_several_workers_is_asked_over_its_socket(
    cli: Cli, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "whsec_x")
    hub = Hub.load("hardpoint.toml")
    handled = threading.Event()

    @hub.on("billing", "payment.succeeded", name="mark_paid")
    async def mark_paid(event: Any, job: Any) -> None:
        if event.id == events["dead"]:
            handled.set()

    served = threading.Event()
    ended = threading.Event()

    def serve() -> None:
        async def life() -> None:
            async with hub:
                served.set()
                await asyncio.to_thread(ended.wait, 60)

        asyncio.run(life())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert served.wait(60)
        run = cli("dlq", "retry", "--source", "billing")
        assert run.code == 0
        assert "No server runs here" not in run.err
        assert handled.wait(60)
        assert cli("events", "replay", "evt_paid", "--force").code == 0
        assert cli("events", "resolve", "evt_doubtful", "--note", "seen to").code == 0
    finally:
        ended.set()
        thread.join()


def test_whoever_brings_orders_handles_nothing() -> None:
    errand = Errand()
    assert errand.matching("billing", "paid") == errand.known() == ()
    assert errand.reload() is None


def test_a_server_that_goes_ends_a_search_that_says_where_it_was(
    cli: Cli, events: Events, server: Any
) -> None:
    server.answer = StoreUnavailableError("the disk is full")
    run = cli("events", "retry", "--state", "pending", "--json")
    assert run.code == 4
    assert [one["id"] for one in run.data["results"]] == [events["two"]]
    assert run.data["before"] == events["two"]
    assert run.error["code"] == "not_done"


def test_a_running_server_is_told_of_the_search_and_of_the_plan(
    cli: Cli, events: Events, server: Any
) -> None:
    done = cli("dlq", "replay", "--source", "billing", "--force", "--json")
    again = cli(*("dlq", "replay", "--since", "1d", "--force", "--plan", done.data["plan"]))
    assert (done.code, again.code) == (0, 0)
    reasons = [(one[4], one[5]) for one in server.orders]
    plan = done.data["plan"]
    assert reasons == [
        ("hardpoint dlq replay --source billing", plan),
        ("hardpoint dlq replay --since 1d", plan),
    ]


def test_one_who_has_had_enough_is_told_what_is_left(cli: Cli, events: Events, server: Any) -> None:
    async def interrupt(*order: Any) -> int:
        server.orders.append(order)
        if len(server.orders) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)
        return 1

    server._do = interrupt
    run = cli("events", "retry", "--state", "pending", "--json")
    assert run.code == 130
    assert run.error["message"] == "interrupted: 2 of 3 are left"
    assert run.data["before"] == events["two"]


# Plans


def test_a_forced_replay_that_is_gone_on_with_replays_each_event_once(
    cli: Cli, events: Events
) -> None:
    first = cli("events", "replay", "--type", "payment.*", "--force", "--limit", "3")
    assert "next:  the same, with --before " in first.err
    plan = first.err.partition("--plan ")[2].split()[0]
    handled = sum(jobs_of(*events.values()))
    again = cli(
        *("events", "replay", "--type", "payment.*", "--force", "--plan", plan, "--json"),
        *("--limit", "3"),
    )
    assert again.data["plan"] == plan
    assert {one["jobs"] for one in again.data["results"]} == {0}
    assert sum(jobs_of(*events.values())) == handled
    problems = [one["problem"] for one in again.data["results"]]
    assert any(
        "this plan has replayed it before" in one or "events retry" in one for one in problems
    )


@pytest.mark.parametrize("arguments", [["evt_paid", "--force"], ["--source", "billing"]])
def test_a_plan_is_of_a_forced_search(cli: Cli, events: Events, arguments: list[str]) -> None:
    run = cli("events", "replay", *arguments, "--plan", "spring")
    assert run.code == 2
    assert "--plan goes on with a forced replay" in run.err
