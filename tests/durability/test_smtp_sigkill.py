"""`kill -9` between any two steps of a mail by SMTP: one mail, or one that waits for a person."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hardpoint.providers.smtp.fake_server import FakeSmtp, SmtpFault

VICTIM = Path(__file__).with_name("smtp_victim.py")
STEPS = ["connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "message", "accepted"]
TOML = """
[store]
url = "sqlite:store.db"

[connections.mail]
provider = "smtp"
url = "env:SMTP_URL"
from = "Shop <orders@shop.example>"
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    with FakeSmtp() as server:
        (tmp_path / "hardpoint.toml").write_text(TOML)
        monkeypatch.setenv("SMTP_URL", server.url)
        yield server


def start(folder, mode):
    command = [sys.executable, VICTIM, folder, mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def outcome(folder, mode):
    victim = start(folder, mode)
    said, _ = victim.communicate(timeout=60)
    return victim.returncode, said.strip()


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("step", STEPS)
def test_a_mail_is_sent_once_or_waits_for_a_person(server, tmp_path, unmeasured, step, mode):
    def strike():
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()

    server.faults.append(SmtpFault(at=step, does="drop", first=strike))
    victim = start(tmp_path, mode)
    assert victim.wait(60) == -signal.SIGKILL
    victim.stdout.close()
    assert len(server.mails) == (step == "accepted")
    for _ in range(2):  # nobody knows what became of it, and nothing is sent blindly
        assert outcome(tmp_path, mode) == (0, "OutcomeUnknownError")
    assert len(server.mails) == (step == "accepted")


def test_who_is_not_killed_sends_once(server, tmp_path, unmeasured):
    first, second = outcome(tmp_path, "blocking"), outcome(tmp_path, "async")
    assert first == second
    identifier = first[1].removeprefix("mail:")
    assert [f"<{identifier}@shop.example>"] == [one.parsed["message-id"] for one in server.mails]
