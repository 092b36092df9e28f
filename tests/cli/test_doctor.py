import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hardpoint.cli.doctor import _library
from hardpoint.store.guests import Rank
from hardpoint.store.guests.frames import VERSIONS, FrameKind, Hello, pack
from hardpoint.store.guests.lines import address_of, listen
from hardpoint.store.guests.visitor import visit
from hardpoint.store.sqlite import SqliteStore
from hardpoint.testing import ManualClock

Cli = Callable[..., Any]
Findings = dict[str, dict[str, str]]


@pytest.fixture
def examine(cli: Cli) -> Callable[[], tuple[int, Findings]]:
    """The exit code, and each finding by its check."""

    def run() -> tuple[int, Findings]:
        done = cli("doctor", "--json")
        return done.code, {one["check"]: one for one in done.data["findings"]}

    return run


async def make_store(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()


def test_before_the_first_start_nothing_is_broken(examine: Any, config: Path) -> None:
    code, found = examine()
    assert code == 0
    assert found["configuration"]["result"] == "ok"
    assert found["source billing"]["detail"] == "stripe, 1 secret(s)"
    assert (found["store"]["result"], found["store"]["fix"]) == ("warn", "hardpoint serve")
    assert (found["server"]["result"], found["server"]["fix"]) == ("warn", "hardpoint serve")


def test_a_store_whose_log_alone_is_left_was_moved_away(examine: Any, config: Path) -> None:
    config.with_name("hardpoint.db-wal").write_bytes(b"what was acknowledged last")
    code, found = examine()
    assert code == 1
    assert found["store"]["result"] == "fail"
    assert "is missing, but its log is there" in found["store"]["detail"]


def test_a_policy_that_contradicts_itself_is_found_before_the_first_call(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    with config.open("a") as file:
        file.write(
            '[connections.shop]\nprovider = "stripe"\nsecret_key = "env:STRIPE_SECRET_KEY"\n'
            "[connections.shop.policy]\ndeadline = 3\n"
        )
    code, found = examine()
    assert code == 1
    assert "connections.shop.policy.timeout: is above" in found["connection shop"]["detail"]


def test_a_table_is_for_people(cli: Cli, config: Path) -> None:
    run = cli("doctor")
    assert run.out.startswith("CHECK ")
    assert run.err == ""


def test_a_missing_secret_is_found_and_the_rest_is_looked_at_too(
    cli: Cli, examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET")
    code, found = examine()
    assert code == 1
    assert found["source billing"]["result"] == found["source code"]["result"] == "fail"
    assert found["store"]["result"] == "warn"
    run = cli("doctor")
    assert run.code == 1
    assert run.err == "next:  export SECRET=... and start again\n"
    assert cli("doctor", "--json").error["message"].startswith("2 of 6 checks failed: source")


def test_a_key_that_only_the_first_call_would_read_is_found_missing(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(
        '[connections.crm]\nprovider = "rest"\nbase_url = "https://api.crm.example"\n'
        'key = "env:CRM_KEY"\n'
    )
    code, found = examine()
    assert code == 1
    assert "env:CRM_KEY" in found["connection crm"]["detail"]
    assert found["connection crm"]["fix"] == "export CRM_KEY=... and start again"
    monkeypatch.setenv("CRM_KEY", "key-1")
    assert examine()[1]["connection crm"]["result"] == "ok"


def test_without_webhooks_no_store_and_no_server_are_missed(examine: Any, config: Path) -> None:
    config.write_text('[connections.files]\nprovider = "filesystem"\npath = "."\n')
    code, found = examine()
    assert code == 0
    assert found.keys() == {"configuration", "connection files", "sqlite library"}


def test_a_secret_that_others_may_read_is_a_warning(examine: Any, config: Path) -> None:
    mounted = config.parent / "mounted"
    mounted.write_text("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    mounted.chmod(0o444)
    source = '[webhooks.mounted]\nprovider = "standard"\nsecrets = ["file:mounted"]\n'
    config.write_text(f"{config.read_text()}\n{source}")
    code, found = examine()
    assert code == 0
    warning = found["secret webhooks.mounted.secrets[0]"]
    assert (warning["result"], warning["detail"]) == (
        "warn",
        f"file:{mounted}: others may read it",
    )


def test_a_configuration_that_is_missing_ends_it(examine: Any, folder: Path) -> None:
    code, found = examine()
    assert code == 1
    assert set(found) == {"sqlite library", "configuration"}


def test_a_fresh_store_is_well(examine: Any, config: Path) -> None:
    asyncio.run(make_store(config.parent / "hardpoint.db"))
    code, found = examine()
    assert code == 0
    assert (found["store"]["result"], found["store"]["detail"]) == ("ok", "no events yet")


def test_a_file_that_is_no_store_is_broken(examine: Any, config: Path) -> None:
    (config.parent / "hardpoint.db").write_text("garbage " * 1000)
    code, found = examine()
    assert code == 1
    assert found["store"]["result"] == "fail"
    assert found["store"]["fix"] is None


def test_dead_letters_are_a_warning(examine: Any, events: dict[str, str]) -> None:
    found = examine()[1]
    assert (found["store"]["result"], found["store"]["fix"]) == ("warn", "hardpoint dlq list")
    assert "1 dead, 1 needs_reconcile" in found["store"]["detail"]


def test_a_forwarded_source_says_so(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARD", "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    config.write_text(
        config.read_text()
        + '[webhooks.billing.forward]\nurl = "http://127.0.0.1:1/"\nsecret = "env:FORWARD"\n'
    )
    assert examine()[1]["source billing"]["detail"] == "stripe, 1 secret(s), forwarded"


def test_a_running_server_is_named(examine: Any, server: Any) -> None:
    server.public = "http://127.0.0.1:8000"
    found = examine()[1]["server"]
    assert found["result"] == "ok"
    told = f"process {os.getpid()} (work or serve), hardpoint {server.release}, takes webhooks at"
    assert found["detail"].startswith(f"{told} {server.public}, has the store since ")
    server.rank, server.release = Rank.SCRIPT, ""
    found = examine()[1]["server"]
    assert (found["result"], found["fix"]) == ("warn", "hardpoint work")
    assert "(without handlers), an earlier release, takes" in found["detail"]
    assert found["detail"].endswith("it runs no handlers")


def say_hello(path: Path, *said: Any) -> socket.socket:
    """Somebody else's line to the owner."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(address_of(path.resolve())))
    line.sendall(pack(FrameKind.HELLO, 0, Hello(*said)))
    line.recv(1000)
    return line


def test_whoever_is_connected_or_has_to_wait_is_named(
    examine: Any, config: Path, server: Any, clock: ManualClock
) -> None:
    clock.advance(server.server.now() - clock.now())
    path = config.with_name("hardpoint.db")
    with (
        say_hello(path, VERSIONS, "one", 41, Rank.WORKER, server.release),
        say_hello(path, VERSIONS, "two", 42, Rank.FRONT, "0.0.1"),
        say_hello(path, (99,), "", 43),
    ):
        found = examine()[1]
    assert "2 connected" in found["server"]["detail"]
    assert found["process 41"]["result"] == "ok"
    assert found["process 41"]["detail"].startswith("process 41 (web worker), hardpoint")
    assert found["process 42"]["result"] == "warn"
    assert "(hands over), hardpoint 0.0.1, connected since" in found["process 42"]["detail"]
    assert "speaks version 1, and not 99" in found["process 43"]["detail"]
    for number in range(100, 130):
        server.server.turned_away(number, "of another age")
    server.rank = 99  # of a later release
    found = examine()[1]
    assert len([one for one in found if one.startswith("process 1")]) == 20
    assert "(?)" in found["server"]["detail"]
    clock.advance(3600)
    assert not [one for one in examine()[1] if one.startswith("process")]


HOLDER = """
import sys
from pathlib import Path
from hardpoint.store.sqlite.files import LockFile
LockFile(Path(sys.argv[1])).acquire(1)
print("has it", flush=True)
input()
"""


def test_an_owner_that_is_silent_is_named_with_its_state(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpoint.store.guests.shared.visit", partial(visit, seconds=0.05))
    path = config.with_name("hardpoint.db")
    asyncio.run(make_store(path))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    listening = listen(address_of(path.resolve()))
    try:
        assert holder.stdout
        assert holder.stdout.readline()
        holder.send_signal(signal.SIGSTOP)
        code, found = examine()
        assert code == 1
        assert "does not answer" in found["server"]["detail"]
        assert f"it is stopped (SIGSTOP): kill -CONT {holder.pid}" in found["server"]["detail"]
    finally:
        listening.close()
        holder.kill()
        holder.communicate()
    code, found = examine()
    assert found["server"]["detail"] == "none runs on this store"


def test_whoever_listens_and_has_nothing_is_told_without_a_state(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpoint.store.guests.shared.visit", partial(visit, seconds=0.05))
    path = config.with_name("hardpoint.db")
    asyncio.run(make_store(path))
    listening = listen(address_of(path.resolve()))
    try:
        code, found = examine()
    finally:
        listening.close()
    assert (code, found["server"]["result"]) == (1, "fail")
    assert found["server"]["detail"].endswith("does not answer: timed out")


@pytest.mark.parametrize(("finding", "result"), [(None, "ok"), ("a defect", "warn")])
def test_a_defect_of_the_library_is_a_warning(finding: str | None, result: str) -> None:
    assert _library(finding).result == result


def test_a_connection_is_looked_at_and_a_key_of_the_wrong_mode_found(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[connections.billing]\nprovider = "stripe"\nsecret_key = "env:KEY"\n'
    config.write_text(config.read_text() + text)
    monkeypatch.setenv("KEY", "sk_test_1")
    assert examine()[1]["connection billing"]["detail"] == "stripe, four_retries"
    monkeypatch.setenv("KEY", "sk_live_1")
    code, found = examine()
    assert (code, found["connection billing"]["result"]) == (1, "fail")
    assert "sk_live_1" not in str(found)


def test_a_handler_that_fails_again_and_again_is_named_before_it_gives_up(
    examine: Any, events: dict[str, str]
) -> None:
    found = examine()[1]
    warning = found["handler mark_paid"]
    assert warning["result"] == "warn"
    assert warning["detail"].startswith("1 job(s) fail, this one 1 time(s): OSError (app:7 in boom")
    assert "; next try 20" in warning["detail"]
    assert warning["fix"] == "hardpoint events list --failing"


REGISTERED = """
[vault]
keyring = "env:RING"

[oauth.github]
provider = "github"
client_id = "Iv1.8a61f9b3a7aba766"
client_secret = "env:CLIENT_SECRET"
"""


def test_each_registration_is_looked_at(
    examine: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RING", "k1:" + "A" * 43 + "=")
    config.write_text(f"{config.read_text()}{REGISTERED}")
    assert "CLIENT_SECRET" in examine()[1]["oauth github"]["detail"]
    monkeypatch.setenv("CLIENT_SECRET", "canary")
    found = examine()[1]["oauth github"]
    assert (found["result"], found["detail"][:10]) == ("fail", "public_url")
    config.write_text(f'public_url = "https://shop.example"\n{config.read_text()}')
    found = examine()[1]["oauth github"]
    assert (found["result"], found["detail"]) == ("ok", "github, for login and connect")
    config.write_text(
        config.read_text().replace(
            'provider = "github"\nclient_id', 'issuer = "https://id.example"\nclient_id'
        )
    )
    assert examine()[1]["oauth github"]["detail"] == "https://id.example, for login and connect"
    monkeypatch.delenv("CLIENT_SECRET")
    config.write_text(config.read_text().replace('client_secret = "env:CLIENT_SECRET"\n', ""))
    assert examine()[1]["oauth github"]["result"] == "ok"  # a public client has none


def test_what_is_known_of_the_library_comes_last_and_is_short(cli: Cli, config: Path) -> None:
    findings = cli("doctor", "--json").data["findings"]
    assert findings[-1]["check"] == "sqlite library"
    assert len(findings[-1]["detail"]) <= 200
