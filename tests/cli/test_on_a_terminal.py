"""What goes on until Ctrl-C, and what takes long, on a pseudo-terminal as a person has it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import httpx2
import pytest
from tests.cli.test_dev import APPLICATION, SHOP
from tests.cli.test_dev import free_port as free_port  # noqa: PLC0414 - a fixture
from tests.cli.test_listen import BODY, signed
from tests.cli.test_operating import site as site  # noqa: PLC0414 - a fixture

WARNING, ERROR = "\x1b[33m", "\x1b[31m"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[mK]")


class Person:
    """Starts a command on a terminal of so many columns, reads, and presses Ctrl-C."""

    def __init__(self, columns, *arguments, **environment):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        plain = {key: one for key, one in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hardpoint", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**plain, "TERM": "xterm", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - Ctrl-C needs it
        )
        os.close(theirs)
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        try:
            while part := os.read(self._ours, 4096):
                self.shown += part.decode(errors="replace")
        except OSError:  # the other end is closed: Linux says so
            pass

    def wait_for(self, text, seconds=60):
        until = time.monotonic() + seconds
        while text not in self.shown:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < until, self.shown
            time.sleep(0.02)

    def interrupt(self):
        """Press Ctrl-C, and wait for the end; gives the exit code."""
        os.write(self._ours, b"\x03")
        return self.end()

    def end(self):
        code = self.process.wait(60)
        self._reader.join(20)
        os.close(self._ours)
        return code

    @property
    def lines(self):
        return _ESCAPES.sub("", self.shown).replace("\r", "\n").split("\n")


@pytest.mark.parametrize(("columns", "declined"), [(40, ""), (80, "1"), (200, "")])
def test_listen_shows_a_refusal_in_red_and_ends_softly(
    config, receiver, free_port, columns, declined
):
    where = ("--forward-to", receiver.url, "--port", str(free_port))
    person = Person(columns, "listen", "billing", *where, NO_COLOR=declined)
    person.wait_for("Ctrl-C ends it")
    url = f"http://127.0.0.1:{free_port}/webhooks/billing"
    assert httpx2.post(url, content=BODY, headers=signed()).status_code == 200
    assert httpx2.post(url, content=BODY, headers=signed("whsec_wrong")).status_code == 401
    person.wait_for("<-  401")
    assert person.interrupt() == 0
    assert (ERROR in person.shown) is not bool(declined)
    assert ("\x1b[" in person.shown) is not bool(declined)
    assert "Traceback" not in person.shown


def test_dev_colours_what_failed_and_ends_softly(folder, free_port):
    (folder / "hardpoint.toml").write_text(SHOP)
    (folder / "ptyshop.py").write_text(APPLICATION.format(body='raise ValueError("no stock")'))
    person = Person(80, "dev", "ptyshop:hub", "--port", str(free_port))
    person.wait_for("hardpoint events list --config")
    command = ("trigger", "stripe", "payment_intent.succeeded")
    trigger = Person(40, *command, "--config", ".hardpoint/dev/hardpoint.toml")
    assert trigger.end() == 0
    person.wait_for("ValueError: no stock")
    assert person.interrupt() == 0
    assert WARNING in person.shown
    assert "ptyshop:hub runs at" in person.shown
    assert "server_stopped" in person.shown


def test_tail_ends_at_once(site):
    person = Person(40, "tail", "--admin", site.ready.admin_url)
    person.wait_for("ready")
    assert person.interrupt() == 130
    assert "Traceback" not in person.shown


@pytest.mark.parametrize("columns", [40, 200])
def test_a_bulk_replay_shows_how_far_it_is_and_can_be_stopped_and_gone_on_with(
    server, events, columns
):
    server.known = server.matching = ("mark_paid",)
    server.delay = 2.0
    command = ("events", "replay", "--source", "billing", "--force")
    person = Person(columns, *command, NO_COLOR="1")
    person.wait_for("/7 events")
    assert person.interrupt() == 130
    assert re.search(r"\[#+\.+\] \d/7 events", person.shown), "a bar"
    said = " ".join(person.lines)
    assert re.search(r"interrupted: \d of 7 are left", said), said
    assert [one for one in person.lines if "/7 events" in one and len(one) > columns] == []
    done = int(re.search(r"(\d) of 7 looked at", said)[1])
    assert 0 < done < 7
    server.delay = 0.0
    place, plan = re.search(r"--before (\S+) --plan (\S+)", said).groups()
    rest = Person(columns, *command, "--before", place, "--plan", plan)
    assert rest.end() == 0
    assert f"{7 - done} of {7 - done} looked at" in " ".join(rest.lines)
    changed = [one[1] for one in server.orders]
    assert sorted(set(changed)) == sorted(changed) or len(changed) == 8, (
        "at most one is asked twice"
    )


def test_without_a_terminal_there_is_neither_bar_nor_colour(server, events):
    server.known = server.matching = ("mark_paid",)
    server.delay = 0.12
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "hardpoint",
            *["events", "replay", "--source", "billing", "--force"],
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "7 of 7 looked at, 7 job(s) changed" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
