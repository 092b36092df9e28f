from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

BODY = b'{"id":"evt_1","type":"charge.refunded"}'
SECRET = ("--secret", "env:SECRET")


@pytest.fixture
def signed(cli: Cli, folder: Path) -> tuple[str, ...]:
    """Arguments for a body that `sign` signed."""
    (folder / "body.json").write_bytes(BODY)
    (folder / "headers").write_bytes(cli("sign", "stripe", "body.json", *SECRET).raw)
    return ("verify", "stripe", "body.json", "--headers", "headers", *SECRET)


def test_what_sign_signed_passes(cli: Cli, signed: tuple[str, ...]) -> None:
    run = cli(*signed)
    assert run.code == 0
    assert run.out.startswith("PASS stripe: ")
    assert "  id evt_1\n" in run.out
    assert run.err == ""


def test_as_json(cli: Cli, signed: tuple[str, ...]) -> None:
    run = cli(*signed, "--json")
    assert run.envelope["ok"] is True
    assert run.data["scheme"] == "stripe"
    assert run.data["details"]["type"] == "charge.refunded"


def test_a_late_one_fails_and_the_age_is_judged_when_told(
    cli: Cli, signed: tuple[str, ...]
) -> None:
    run = cli(*signed, "--at", "1700001000")
    assert run.code == 1
    assert run.out.startswith("FAIL stripe: signed 1000 s ago")
    assert run.err == "next:  hardpoint verify --help\n"


def test_the_first_cause_is_named_in_the_envelope(
    cli: Cli, signed: tuple[str, ...], folder: Path
) -> None:
    (folder / "body.json").write_bytes(BODY + b"\n")
    run = cli(*signed, "--json")
    assert run.code == 1
    assert run.envelope["ok"] is False
    assert run.error["code"] == run.data["reason"] == "body_changed"
    assert run.error["hint"] == "hardpoint verify --help"


def test_escapes_in_what_was_signed_are_not_shown(cli: Cli, folder: Path) -> None:
    (folder / "headers").write_bytes(b"Stripe-Signature: \x1b]0;owned\x07t=1,v1=\x1b[2J\n")
    run = cli("verify", "stripe", "-", "--headers", "headers", *SECRET, stdin=BODY)
    assert run.code == 1
    assert "\x1b" not in run.out + run.err


def test_a_missing_secret_is_no_verdict(cli: Cli, signed: tuple[str, ...]) -> None:
    run = cli(*signed, "--secret", "env:HARDPOINT_NO_SUCH")
    assert run.code == 3
    assert run.out == ""


def test_headers_are_needed(cli: Cli) -> None:
    assert cli("verify", "stripe", "-", *SECRET).code == 2
