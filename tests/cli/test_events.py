import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.sqlite import SqliteReader, SqliteStore

Cli = Callable[..., Any]
Events = dict[str, str]

BODY = b'{"id":"evt_paid","note":"\xc3\xa9\x1b[2J"}'
NASTY = "evt_\x1b]0;owned\x07nasty"


def jobs_of(identifier: str) -> int:
    reader = SqliteReader("hardpoint.db")
    [view] = reader.event(identifier)
    reader.close()
    return len(view.jobs)


# Looking


def test_before_there_is_a_store_it_says_how_to_make_one(cli: Cli, config: Path) -> None:
    run = cli("events", "list")
    assert run.code == 4
    assert "hardpoint.db does not exist" in run.err
    assert run.err.endswith("next:  hardpoint serve\n")


def test_a_file_that_is_no_store_of_ours_exits_4(cli: Cli, config: Path) -> None:
    (config.parent / "hardpoint.db").write_text("not a database at all" * 100)
    run = cli("events", "list")
    assert run.code == 4
    assert "hardpoint doctor" in run.err


def test_without_a_configuration_it_exits_3(cli: Cli, folder: Path) -> None:
    run = cli("events", "list", "--config", "nowhere.toml")
    assert run.code == 3
    assert "hardpoint init" in run.err


def test_the_list_shows_the_vendors_id_and_ours(cli: Cli, events: Events) -> None:
    run = cli("events", "list")
    assert run.code == 0
    head, *lines = run.out.splitlines()
    assert head.split() == ["RECEIVED", "SOURCE", "TYPE", "STATE", "ATTEMPTS", "EVENT", "ID"]
    assert len(lines) == len(events)
    first = ["2023-11-14T22:13:21Z", "billing", "payment.succeeded", "done", "1", "evt_paid"]
    assert lines[-1].split() == [*first, events["done"]]
    assert run.err == ""


def test_what_a_vendor_wrote_cannot_act_on_the_terminal(cli: Cli, events: Events) -> None:
    for arguments in (["events", "list"], ["events", "show", events["dead"]], ["dlq", "list"]):
        for tty in (False, True):
            run = cli(*arguments, tty=tty)
            assert "evt_nasty" in run.out
            assert "owned" not in run.out
            assert "\x1b]" not in run.out
            assert "\x07" not in run.out


def test_the_list_as_json_goes_on_where_it_ended(cli: Cli, events: Events) -> None:
    first = cli("events", "list", "--limit", "5", "--json").data
    second = cli("events", "list", "--limit", "5", "--before", first["before"], "--json").data
    listed = [one["id"] for one in (*first["events"], *second["events"])]
    assert listed == sorted(events.values(), reverse=True)
    assert second["before"] is None


def test_the_list_says_how_to_go_on(cli: Cli, events: Events) -> None:
    run = cli("events", "list", "--limit", "1")
    assert run.err == f"next:  add --before {events['two']}\n"


@pytest.mark.parametrize("columns", ["80", "50"])
def test_lists_fit_the_terminal_with_ids_that_every_command_takes(
    cli: Cli, events: Events, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    every = (["events", "list"], ["dlq", "list"], ["refusals"], ["doctor"])
    for arguments in (*every, ["events", "show", "evt_paid"], ["events", "show", events["dead"]]):
        lines = cli(*arguments, tty=True).out.splitlines()
        facts = [line for line in lines if not line.startswith(("body  ", "id  ", "correlation "))]
        assert max(map(len, facts)) <= int(columns), arguments
    listed = cli("events", "list", tty=True).out
    assert events["done"] not in listed
    short = {
        one: name
        for name, whole in events.items()
        for one in listed.split()
        if whole.startswith(one) and len(one) >= 8
    }
    assert set(short.values()) == set(events)
    for one, name in short.items():
        assert cli("events", "show", one, "--json").data["events"][0]["id"] == events[name]
    [waiting] = [one for one, name in short.items() if name == "waiting"]
    assert cli("events", "retry", waiting).code == 0
    assert cli("events", "replay", waiting).code == 1
    before = cli("events", "list", "--before", waiting, "--json").data["events"]
    assert before[0]["id"] < events["waiting"]


def test_the_beginning_of_several_ids_is_refused_by_name(cli: Cli, events: Events) -> None:
    beginning = events["done"][:9]
    for arguments in (["show"], ["retry"], ["replay"], ["list", "--before"]):
        run = cli("events", *arguments, beginning)
        assert run.code == 1, arguments
        assert f"several ids begin with {beginning}: {events['done']}, " in run.err + run.out
        assert ", ..." in run.err + run.out
    assert "write more of it" in cli("events", "show", beginning).err


def test_what_begins_no_id_names_no_event(cli: Cli, events: Events) -> None:
    for other in ("00000000", events["done"][:7], events["done"][:-1] + "%", ""):
        assert "there is no event" in cli("events", "show", other).err
    listed = cli("events", "list", "--before", "ffffffff", "--json").data["events"]
    assert len(listed) == len(events)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--state", "dead"], {"dead"}),
        (["--state", "quarantined"], {"malformed"}),
        (["--state", "needs_reconcile"], {"doubtful"}),
        (["--source", "other"], {"two"}),
        (["--type", "charge.*"], {"skipped"}),
    ],
)
def test_the_list_can_be_narrowed(
    cli: Cli, events: Events, options: list[str], names: set[str]
) -> None:
    listed = cli("events", "list", *options, "--json").data["events"]
    assert {one["id"] for one in listed} == {events[name] for name in names}


def test_an_unknown_state_is_a_wrong_command_line(cli: Cli, events: Events) -> None:
    assert cli("events", "list", "--state", "lost").code == 2


def test_an_event_is_shown_whole(cli: Cli, events: Events) -> None:
    run = cli("events", "show", "evt_paid")
    assert run.code == 0
    assert f"id           {events['done']}\n" in run.out
    assert "state        done\n" in run.out
    assert "signed       2023-11-14T22:13:20Z\n" in run.out
    assert "header       content-type: application/json\n" in run.out
    assert "250.0 ms" in run.out
    assert run.out.endswith('\n{"id":"evt_paid","note":"é"}\n')


def test_an_event_as_json_keeps_what_was_received(cli: Cli, events: Events) -> None:
    [event] = cli("events", "show", "evt_paid", "--json").data["events"]
    assert event["body"].encode() == BODY
    assert event["body_base64"] is None
    assert event["vendor_id"] == "evt_paid"
    assert event["attempts"][0]["outcome"] == "done"


def test_a_body_that_is_no_text_comes_in_base64(cli: Cli, events: Events) -> None:
    assert (
        "(the body is not text; --json has it in base64)"
        in cli("events", "show", events["waiting"]).out
    )
    [event] = cli("events", "show", events["waiting"], "--json").data["events"]
    assert (event["body"], event["body_base64"]) == (None, "//4=")


def test_waiting_jobs_and_dead_letters_are_shown(cli: Cli, events: Events) -> None:
    waiting = cli("events", "show", events["waiting"]).out
    assert "\nWaiting\nHANDLER" in waiting
    dead = cli("events", "show", events["dead"]).out
    assert "\nGiven up\nGIVEN UP" in dead
    assert "ValueError: no such order" in dead


def test_calls_in_doubt_are_shown_with_their_keys(cli: Cli, events: Events) -> None:
    run = cli("events", "show", events["doubtful"])
    assert "state        needs_reconcile\n" in run.out
    calls = run.out.partition("\nCalls\n")[2].splitlines()
    assert calls[0].split() == ["HANDLER", "CALL", "OUTCOME", "BEGUN", "MADE", "KEY"]
    assert [line.split()[-2:] for line in calls[1:3]] == [["SM1", "k1"], ["-", "k2"]]
    assert "in doubt" in calls[2]
    [event] = cli("events", "show", events["doubtful"], "--json").data["events"]
    assert [one["ended_at"] is None for one in event["calls"]] == [False, True]


def test_why_an_event_is_quarantined_is_shown(cli: Cli, events: Events) -> None:
    run = cli("events", "show", events["malformed"])
    assert "state        quarantined (" in run.out


def test_events_that_share_an_id_are_all_shown(cli: Cli, events: Events) -> None:
    run = cli("events", "show", "shared")
    assert events["one"] in run.out
    assert events["two"] in run.out


def test_an_unknown_id_exits_1(cli: Cli, events: Events) -> None:
    run = cli("events", "show", "evt_nobody", "--json")
    assert run.code == 1
    assert run.error["code"] == "not_found"
    assert run.error["hint"] == "hardpoint events list"


def test_dead_letters_are_listed(cli: Cli, events: Events) -> None:
    run = cli("dlq", "list")
    assert run.code == 0
    assert "mark_paid" in run.out
    assert "ValueError: no such order" in run.out
    assert "needs_reconcile: it may have happened." in run.err
    assert f"hardpoint events resolve {events['doubtful']} --note TEXT" in run.err
    assert run.err.endswith(f"next:  hardpoint events retry {events['doubtful']}\n")
    parked, letter = cli("dlq", "list", "--json").data["dead_letters"]
    assert (parked["id"], parked["reason"]) == (events["doubtful"], "needs_reconcile")
    assert letter["id"] == events["dead"]
    assert letter["vendor_id"] == NASTY


def test_no_dead_letters_is_an_empty_list(cli: Cli, events: Events) -> None:
    assert cli("events", "retry", events["doubtful"]).code == 0
    assert cli("dlq", "--limit", "1").out == cli("dlq", "list", "--limit", "1").out
    assert cli("dlq").out == cli("dlq", "list").out
    assert "--limit" not in cli("dlq", "--help").out
    assert cli("dlq", "list").err == f"next:  hardpoint events retry {events['dead']}\n"
    assert cli("events", "retry", events["dead"]).code == 0
    run = cli("dlq", "list")
    assert (run.code, len(run.out.splitlines()), run.err) == (0, 1, "")


# Changing without a server


def test_a_dead_letter_is_retried_by_the_vendors_id(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", NASTY)
    assert run.code == 0
    assert "evt_nasty  1     ok" in run.out
    assert "the jobs wait for the next one\nnext:  hardpoint serve" in run.err
    assert jobs_of(events["dead"]) == 1


def test_a_waiting_job_is_retried_now(cli: Cli, events: Events) -> None:
    assert cli("events", "retry", events["waiting"], "--handler", "mark_paid").code == 0


def test_nothing_to_retry_is_a_no(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", "evt_paid")
    assert run.code == 1
    assert "hardpoint events replay" in run.out
    assert "No server" not in run.err


def test_a_done_event_is_replayed_with_force_only(cli: Cli, events: Events) -> None:
    refused = cli("events", "replay", "evt_paid", "--json")
    assert refused.code == 1
    assert refused.error["code"] == "not_done"
    assert "--force" in refused.error["message"]
    done = cli("events", "replay", "evt_paid", "--force", "--json")
    assert done.code == 0
    result = {"given": "evt_paid", "id": events["done"], "jobs": 1, "problem": None}
    told = [result | {"handler": None}]
    assert done.data == {"action": "replay", "results": told, "before": None}
    assert jobs_of(events["done"]) == 1


def test_a_skipped_event_is_replayed_by_a_handler_one_names(cli: Cli, events: Events) -> None:
    assert cli("events", "replay", "evt_skipped").code == 1
    assert cli("events", "replay", "evt_skipped", "--handler", "refund").code == 0


def test_some_of_several_done_exits_6(cli: Cli, events: Events) -> None:
    run = cli("events", "retry", events["dead"], "evt_nobody", "shared", "--json")
    assert run.code == 6
    assert run.error["code"] == "partly_done"
    problems = [one["problem"] for one in run.data["results"]]
    assert problems[0] is None
    assert problems[1] == "there is no event evt_nobody"
    assert problems[2].startswith("2 events have this id; name one of ours: ")


def test_a_store_that_cannot_be_locked_exits_4(cli: Cli, events: Events) -> None:
    Path("hardpoint.db.lock").unlink()
    Path("hardpoint.db.lock").mkdir()
    run = cli("events", "retry", events["dead"])
    assert run.code == 4
    assert "hardpoint doctor" in run.err


def test_a_dead_letter_is_closed_with_a_note_that_is_shown(cli: Cli, events: Events) -> None:
    run = cli("events", "resolve", NASTY, "--note", " refunded by hand ", "--json")
    assert run.code == 0
    assert run.data["action"] == "resolve"
    [result] = run.data["results"]
    assert (result["id"], result["jobs"], result["problem"]) == (events["dead"], 1, None)
    assert "hardpoint serve" not in run.err
    [shown] = cli("events", "show", events["dead"], "--json").data["events"]
    assert shown["attempts"][-1]["error"] == "resolved: refunded by hand"
    assert cli("events", "list", "--state", "dead", "--json").data["events"] == []


def test_a_job_that_waits_is_closed_too(cli: Cli, events: Events) -> None:
    run = cli("events", "resolve", events["waiting"], "--note", "will never succeed", "--json")
    assert [one["jobs"] for one in run.data["results"]] == [1]
    [shown] = cli("events", "show", events["waiting"], "--json").data["events"]
    assert (shown["state"], shown["jobs"]) == ("resolved", [])
    assert shown["attempts"][-1]["error"] == "resolved: will never succeed"


def test_what_is_done_is_not_closed(cli: Cli, events: Events) -> None:
    run = cli("events", "resolve", events["done"], "--note", "seen to")
    assert run.code == 1
    assert "hardpoint events replay" in run.out


def test_jobs_that_fail_are_listed_with_the_next_try(cli: Cli, events: Events) -> None:
    run = cli("events", "list", "--failing")
    head, row = run.out.splitlines()
    assert head.split()[:4] == ["FAILED", "SOURCE", "TYPE", "HANDLER"]
    for word in ("mark_paid", "evt_waiting", "OSError", "app:7 in boom"):
        assert word in row
    assert f"hardpoint events resolve {events['waiting']} --handler mark_paid" in run.err
    [job] = cli("events", "list", "--failing", "--json").data["failing"]
    assert (job["id"], job["failures"], job["jobs"]) == (events["waiting"], 1, 1)
    assert job["place"] == {"module": "app", "line": 7, "function": "boom"}


def test_no_jobs_that_fail_is_an_empty_list(cli: Cli, events: Events) -> None:
    cli("events", "resolve", events["waiting"], "--note", "never mind")
    run = cli("events", "list", "--failing")
    assert len(run.out.splitlines()) == 1
    assert run.err == ""


def test_jobs_that_fail_are_not_narrowed_further(cli: Cli, events: Events) -> None:
    assert cli("events", "list", "--failing", "--state", "dead").code == 2


@pytest.mark.parametrize("note", ["", "  ", "x" * 501])
def test_a_job_is_not_closed_without_a_word(cli: Cli, events: Events, note: str) -> None:
    run = cli("events", "resolve", events["dead"], "--note", note)
    assert run.code == 2
    assert "--note" in run.err
    assert cli("events", "resolve", events["dead"]).code == 2


# Changing beside another process


def test_an_application_that_has_the_store_is_named_with_the_way_that_works(
    cli: Cli, events: Events
) -> None:
    store = SqliteStore("hardpoint.db")
    store.open_blocking()
    try:
        run = cli("events", "retry", events["dead"])
        doctor = cli("doctor", "--json")
    finally:
        store.close_blocking()
    assert run.code == 4
    assert f"process {os.getpid()} has the store" in run.err
    assert "await hub.retry(...)" in run.err
    assert "hardpoint doctor" not in run.err
    found = {one["check"]: one for one in doctor.data["findings"]}
    assert found["server"]["result"] == "warn"
    assert f"process {os.getpid()} has the store" in found["server"]["detail"]
    assert "does not listen: others wait" in found["server"]["detail"]
    assert cli("events", "retry", events["dead"]).code == 0


def test_an_attempt_that_runs_is_not_closed(cli: Cli, events: Events, server: Any) -> None:
    server.answer = 0
    run = cli("events", "resolve", events["waiting"], "--note", "seen to")
    assert run.code == 1
    assert "an attempt of it runs now" in run.out


# Changing through a running server


def test_a_running_server_is_asked_to_resolve(cli: Cli, events: Events, server: Any) -> None:
    assert cli("events", "resolve", NASTY, "--note", "seen to").code == 0
    actor = f"command line, uid {os.getuid()}"
    assert server.orders == [("resolve", events["dead"], None, "seen to", actor)]


def test_a_running_server_is_asked_to_retry(cli: Cli, events: Events, server: Any) -> None:
    run = cli("events", "retry", NASTY)
    assert run.code == 0
    actor = f"command line, uid {os.getuid()}"
    assert server.orders == [("retry", events["dead"], None, actor, "")]
    assert "No server" not in run.err
    assert jobs_of(events["dead"]) == 0


def test_a_running_server_is_asked_to_replay_and_knows_the_handlers(
    cli: Cli, events: Events, server: Any
) -> None:
    server.known, server.matching = ("mark_paid", "receipt"), ("receipt",)
    assert cli("events", "replay", "evt_paid", "--force", "--handler", "mark_paid").code == 0
    assert cli("events", "replay", "evt_paid").code == 0
    run = cli("events", "replay", "evt_paid", "--handler", "nobody")
    assert run.code == 3
    assert "handler nobody: is not known" in run.out
    paid = events["done"]
    assert server.orders == [
        ("replay", paid, ("mark_paid",), True, "", ""),
        ("replay", paid, ("receipt",), False, "", ""),
    ]


def test_a_server_that_refuses_is_quoted(cli: Cli, events: Events, server: Any) -> None:
    server.answer = StoreUnavailableError("the disk is full")
    run = cli("events", "replay", "evt_paid", "evt_nobody")
    assert run.code == 4
    assert "the disk is full" in run.out


def test_an_event_that_is_not_through_yet_is_retried_rather_than_replayed(
    cli: Cli, events: Events
) -> None:
    pending = next(
        one["id"] for one in cli("events", "list", "--state=pending", "--json").data["events"]
    )
    run = cli("events", "replay", pending, "--handler=mark_paid")

    assert run.code == 1
    assert "hardpoint events retry" in run.out
