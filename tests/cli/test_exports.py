"""Events side by side and in a file; secrets; completion; progress on a terminal."""

import json
import stat

import pytest

from hardpoint.cli.exports import differences
from hardpoint.cli.failures import Exit
from hardpoint.cli.progress import progress
from hardpoint.cli.terminal import Terminal

from .conftest import Screen


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": [1, 2]}, {"a": 2, "b": [1, 3]}, ["/a", "/b/1"]),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": 1}, {"a": 1.0}, ["/a"]),
        ({"a/b": 1}, {"c~d": 1}, ["/a~1b", "/c~0d"]),
        ([1], [1, 2], ["/1"]),
        ({"a": {}}, {"a": []}, ["/a"]),
        ("x", "y", [""]),
    ],
)
def test_differences_are_named_by_their_places(before, after, expected):
    assert [path for path, _, _ in differences(before, after)] == expected


def test_secrets_are_listed_and_checked_and_never_shown(cli, config, folder, monkeypatch):
    (folder / "open.key").write_text("sk_open_1234567")
    (folder / "open.key").chmod(0o644)
    text = config.read_text()
    config.write_text(
        text + '[connections.crm]\nprovider = "rest"\nbase_url = "http://127.0.0.1:9"\n'
        'key = "file:open.key"\n'
    )
    listed = cli("secrets", "list")
    assert (listed.code, "env:SECRET" in listed.out) == (0, True)
    assert "others may read it" in listed.out
    assert "sk_open" not in listed.out
    assert cli("secrets", "doctor").code == 0
    (folder / "open.key").unlink()
    monkeypatch.delenv("SECRET")
    broken = cli("secrets", "doctor", "--json")
    assert broken.code == Exit.NO
    results = {one["key"]: one["result"] for one in broken.data["secrets"]}
    assert set(results.values()) == {"fail"}
    assert broken.error["hint"] == "set env:SECRET"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(cli, shell):
    done = cli("completion", shell)
    assert done.code == 0
    assert "_HARDPOINT_COMPLETE" in done.out


def terminal_with(err):
    return Terminal(stdin=Screen(), stdout=Screen(), stderr=err)


def test_progress_is_for_a_person_and_gone_at_the_end():
    screen = Screen(tty=True)
    with progress(terminal_with(screen), "events", 4) as step:
        step(2)
        step(4)
    shown = screen.text()
    assert "[##########..........] 2/4 events" in shown
    assert shown.endswith("\r\x1b[K")
    screen = Screen(tty=True)
    with progress(terminal_with(screen), "events") as step:
        step(1)
        step(2)  # too soon after the first
    assert "1 events" in screen.text()
    assert "2 events" not in screen.text()
    pipe = Screen()
    with progress(terminal_with(pipe), "events") as step:
        step(1)
    assert pipe.text() == ""


def test_events_are_written_to_a_file_for_its_owner_alone(cli, events, folder):
    done = cli("events", "export", "--output", "out.jsonl", tty=True)
    assert done.code == 0, done.err
    lines = [json.loads(one) for one in (folder / "out.jsonl").read_text().splitlines()]
    listed = cli("events", "list", "--json").data["events"]
    assert [one["id"] for one in lines] == [one["id"] for one in listed]
    assert all("body" in one for one in lines)
    assert stat.S_IMODE((folder / "out.jsonl").stat().st_mode) == 0o600
    again = cli("events", "export", "--output", "out.jsonl")
    assert again.code == Exit.REFUSED
    assert cli("events", "export", "--output", "nowhere/out.jsonl").code == Exit.NO
    piped = cli("events", "export", "--source", "billing")
    assert {json.loads(one)["source"] for one in piped.out.splitlines()} == {"billing"}
    assert cli("events", "export", "--json").code == Exit.USAGE


def test_two_events_are_compared(cli, events):
    bodies = {}
    for line in cli("events", "export").out.splitlines():
        found = json.loads(line)
        bodies.setdefault(found["body"], found["id"])
    one, other = [*bodies.values()][:2]
    same = cli("events", "diff", one, one)
    assert (same.code, same.out) == (0, "their payloads are the same\n")
    found = cli("events", "diff", one, other)
    assert (found.code, found.out.startswith("PATH")) == (Exit.NO, True)
    assert cli("events", "diff", one, other, "--json").data["differences"]
