import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hardpoint.runtime.clocks import SystemClock

Cli = Callable[..., Any]
_SERVE = (sys.executable, "-m", "hardpoint", "serve")


class Served:
    """A real server of what `init` wrote; it has no terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        port = () if "--uds" in arguments or "PORT" in os.environ else ("--port", "0")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_SERVE, *arguments, *port, "--admin-port", "0", "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.ready = json.loads(line)["data"]
        self.url = f"{self.ready['url']}/webhooks/billing"

    def wait_for(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def start(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Served]]:
    """Starts a server on what `init` writes; ends it if the test did not."""
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_anything_while_you_try")
    assert cli("init").code == 0
    running: list[Served] = []

    def served(*arguments: str) -> Served:
        running.append(Served(folder, *arguments))
        return running[-1]

    yield served
    for one in running:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


@pytest.fixture
def data(cli: Cli) -> Callable[..., Any]:
    """Runs a command that succeeds, by the real clock; gives its data."""

    def run(*arguments: str) -> Any:
        done = cli(*arguments, "--json", now=SystemClock())
        assert done.code == 0, done.out
        return done.data

    return run


PAID = ("trigger", "stripe", "payment_intent.succeeded", "--to")


def test_what_init_writes_receives_handles_and_replays(
    start: Callable[..., Served], data: Callable[..., Any]
) -> None:
    served = start("shop:hub")
    assert served.ready["pid"] == served.process.pid

    sent = data(*PAID, served.url, "--times", "2")
    assert [one["status"] for one in sent["deliveries"]] == [200, 200]

    def attempts() -> int:
        [event] = data("events", "show", sent["id"])["events"]
        return sum(one["outcome"] == "done" for one in event["attempts"])

    served.wait_for(lambda: attempts() == 1)
    [listed] = data("events", "list")["events"]
    assert listed["vendor_id"] == sent["id"]

    replayed = data("events", "replay", sent["id"], "--force")
    assert replayed["results"][0]["jobs"] == 1
    served.wait_for(lambda: attempts() == 2)

    assert served.stop() == 0
    assert "Traceback" not in served.log.read_text()


def test_without_an_app_the_configuration_is_enough(
    start: Callable[..., Served], data: Callable[..., Any]
) -> None:
    served = start("--config", "hardpoint.toml")
    sent = data(*PAID, served.url)
    [event] = data("events", "show", sent["id"])["events"]
    assert event["state"] == "skipped"
    assert served.stop(signal.SIGINT) == 0


LOUD = """
import logging
import structlog
logging.basicConfig(level=logging.DEBUG)
from hardpoint import Hub
hub = Hub.load("hardpoint.toml")
structlog.configure(processors=[structlog.processors.KeyValueRenderer()])

@hub.on("billing", retry=[])
def mark_paid(event, job):
    logging.getLogger("shop").warning("the shop's own")
    raise KeyError("no such order")
"""


def test_each_warning_is_one_record_of_the_log_and_those_of_the_setup_too(
    start: Callable[..., Served], data: Callable[..., Any], folder: Path
) -> None:
    (folder / "secret").write_text("whsec_anything_while_you_try")
    (folder / "secret").chmod(0o644)
    configuration = folder / "hardpoint.toml"
    settings = configuration.read_text()
    configuration.write_text(settings.replace("env:STRIPE_WEBHOOK_SECRET", "file:secret"))
    (folder / "loud.py").write_text(LOUD)
    served = start("loud:hub")
    sent = data(*PAID, served.url)

    def given_up() -> bool:
        [event] = data("events", "show", sent["id"])["events"]
        return bool(event["state"] == "dead")

    served.wait_for(given_up)
    served.process.send_signal(signal.SIGHUP)  # the secret is read once more
    served.wait_for(lambda: "configuration_loaded" in served.log.read_text())
    assert served.stop() == 0

    lines = served.log.read_text().splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert all(one.startswith(("{", "WARNING:shop:", "DEBUG:")) for one in lines), lines
    loud = [one for one in records if one["level"] in {"warning", "error"}]
    assert [one["event"] for one in loud] == ["secret_exposed", "handler_finished"]
    assert loud[0]["exposure"] == "others may read it"
    assert loud[0]["secret"].endswith("/secret")
    assert "loud.py" in loud[1]["exception"]
    assert served.log.read_text().count("Traceback") == 1


def test_a_server_that_has_ended_in_good_order_is_a_success(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That real ones do, the others tell; here without a process of its own."""
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_anything_while_you_try")
    monkeypatch.setattr("hardpoint.cli.serve.run", lambda server: None)
    assert cli("init").code == 0
    assert cli("serve", "--config", "hardpoint.toml").code == 0


def test_a_platform_says_the_port_by_its_variable(
    start: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "0")
    assert start("shop:hub").stop() == 0


@pytest.mark.parametrize("port", ["http", "-1", "8000.0", "123456", "\u0661"])
def test_a_variable_that_is_no_port_is_named(
    cli: Cli, apps: str, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    run = cli("serve")
    assert run.code == 3
    assert "$PORT: is not a port" in run.err


def test_a_port_on_the_command_line_counts_more_than_the_variable(
    cli: Cli, apps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("PORT", port)
        assert f"127.0.0.1:{port} is in use" in cli("serve").err
        monkeypatch.setenv("PORT", "http")
        assert f"127.0.0.1:{port} is in use" in cli("serve", "--port", port).err


def test_a_unix_socket_takes_the_place_of_the_port(
    start: Callable[..., Served], folder: Path, data: Callable[..., Any]
) -> None:
    served = start("shop:hub", "--uds", "public.sock")
    assert served.ready["url"] == "unix:public.sock"
    sent = data("trigger", "stripe", "payment_intent.succeeded")  # it is found there
    assert [one["status"] for one in sent["deliveries"]] == [200]
    assert served.stop() == 0
    assert not (folder / "public.sock").exists()


def test_a_unix_socket_beside_a_port_is_one_too_many(cli: Cli, config: Path) -> None:
    run = cli("serve", "--uds", "public.sock", "--port", "8000")
    assert run.code == 2
    assert "--uds or --port" in run.err


def test_an_admin_listener_for_others_is_forced_or_refused(
    cli: Cli, start: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cli("serve", "--admin-host", "0.0.0.0")
    assert run.code == 3
    assert "0.0.0.0 can be reached from other machines" in run.err
    assert "--force-admin" in run.err
    assert "no token" in cli("serve", "--admin-host", "0.0.0.0", "--force-admin").err
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "s3cret-nobody-guesses-it")
    served = start("shop:hub", "--admin-host", "0.0.0.0", "--force-admin")
    assert served.ready["admin_url"].startswith("http://0.0.0.0:")
    assert served.stop() == 0


def test_a_hangup_reloads_where_no_terminal_is(start: Callable[..., Served]) -> None:
    served = start("shop:hub")
    served.process.send_signal(signal.SIGHUP)
    served.wait_for(lambda: "configuration_loaded" in served.log.read_text())
    assert served.stop() == 0


# The terminal becomes the child's own; then it is replaced by the server.
_ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.mark.parametrize("shell", ["plain", "nohup"])
def test_a_terminal_that_closes_stops_the_server_unless_told_not_to(
    start: Callable[..., Served], folder: Path, data: Callable[..., Any], shell: str
) -> None:
    master, slave = os.openpty()
    command = [sys.executable, "-c", _ON_A_TERMINAL, shell, *_SERVE[1:], "shop:hub"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--admin-port", "0"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        said = b""
        while b"/webhooks/billing\r\n" not in said:  # the last it has to say
            said += os.read(master, 65536)
        found_at = folder / "hardpoint.db.sock"
        assert found_at.exists()
        os.close(master)
        if shell == "nohup":
            found = {one["check"]: one["detail"] for one in data("doctor")["findings"]}
            assert str(process.pid) in found["server"]
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert not found_at.exists()


def test_with_json_the_log_is_json_on_a_terminal_too(start: Callable[..., Served]) -> None:
    master, slave = os.openpty()
    arguments = ("shop:hub", "--port", "0", "--admin-port", "0", "--json")
    process = subprocess.Popen(
        [*_SERVE, *arguments], stdout=subprocess.PIPE, stderr=slave, start_new_session=True
    )
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["ok"] is True
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        log = os.read(master, 65536)
    finally:
        process.kill()
        process.communicate()
        os.close(slave)
        os.close(master)
    records = [json.loads(line) for line in log.decode().splitlines()]
    assert records[-1]["event"] == "server_stopped"


def test_an_app_and_its_own_configuration_agree(start: Callable[..., Served]) -> None:
    assert start("shop:hub", "--config", "hardpoint.toml").stop() == 0


@pytest.fixture
def apps(folder: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of applications, under a name no other test imports."""
    name = f"apps_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(
        "from hardpoint import Hub\nhub = Hub.load('hardpoint.toml')\nnothing = 'text'\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    return name


def test_a_port_in_use_exits_3(cli: Cli, apps: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = cli("serve", "--port", taken.getsockname()[1])
    assert run.code == 3
    assert "is in use" in run.err


def test_without_a_configuration_it_exits_3(cli: Cli, folder: Path) -> None:
    run = cli("serve")
    assert run.code == 3
    assert "hardpoint init" in run.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is not MODULE:HUB"),
        (":hub", "is not MODULE:HUB"),
        ("{apps}", "is not MODULE:HUB"),
        ("no_such_module:hub", "there is no module no_such_module here"),
        ("{apps}:nobody", "is not a Hub: there is none"),
        ("{apps}:nothing", "is not a Hub: it is a str"),
    ],
)
def test_an_app_that_is_none_exits_2(cli: Cli, apps: str, name: str, said: str) -> None:
    run = cli("serve", name.format(apps=apps))
    assert run.code == 2
    assert said in run.err


def test_an_app_with_another_configuration_exits_2(cli: Cli, apps: str) -> None:
    run = cli("serve", f"{apps}:hub", "--config", "other.toml")
    assert run.code == 2
    assert "hardpoint.toml, not other.toml" in run.err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def (", "SyntaxError: "),
    ],
)
def test_an_app_that_fails_on_import_says_where(
    cli: Cli, apps: str, folder: Path, source: str, said: str
) -> None:
    (folder / f"{apps}.py").write_text(f"\n{source}\n")
    run = cli("serve", f"{apps}:hub")
    assert run.code == 3
    assert f"{apps} cannot be imported: {said}" in run.err
    assert "HARDPOINT_DEBUG=1" in run.err
    assert "Traceback" not in run.err


def test_an_app_whose_configuration_is_wrong_says_that(cli: Cli, apps: str, config: Path) -> None:
    config.write_text("[stoer]\n")
    run = cli("serve", f"{apps}:hub")
    assert run.code == 3
    assert "stoer: is not a known setting" in run.err
