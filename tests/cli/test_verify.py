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
    assert run.out.splitlines()[1:] == [
        "  key      secrets[0]",
        "  age      0 s",
        "  id       evt_1",
        "  type     charge.refunded",
    ]
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


@pytest.fixture
def sources(config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sources of one provider, one of them with two secrets, and one without any at hand."""
    monkeypatch.setenv("OLD", "whsec_old")
    monkeypatch.setenv("OTHER", "whsec_other")
    text = config.read_text().replace('["env:SECRET"]', '["env:SECRET", "env:OLD"]', 1)
    text += '[webhooks.gone]\nprovider = "stripe"\nsecrets = ["env:GONE"]\n'
    text += '[webhooks.other]\nprovider = "stripe"\nsecrets = ["env:OTHER"]\ntolerance = 900\n'
    config.write_text(text)
    (config.parent / "body.json").write_bytes(BODY)
    return config


def test_secrets_come_from_a_source_of_the_configuration(cli: Cli, sources: Path) -> None:
    headers = sources.parent / "headers"
    headers.write_bytes(cli("sign", "stripe", "body.json", "--secret", "env:OLD").raw)
    check = ("verify", "stripe", "body.json", "--headers", "headers")
    passed = cli(*check, "--source", "billing")
    assert (passed.code, "matched by secrets[1]" in passed.out) == (0, True)
    headers.write_bytes(cli("sign", "stripe", "body.json", "--source", "other").raw)
    late = ("--at", "1700000800")
    assert cli(*check, "--source", "other", *late).code == 0  # its tolerance counts
    failed = cli(*check, "--source", "billing", "--json")
    assert failed.data["reason"] == "other_source"
    assert "[webhooks.other]" in failed.data["message"]
    assert cli(*check, "--source", "other", "--secret", "env:OTHER").code == 0
    (sources.parent / "body.json").write_bytes(b'{"id":"evt_2","type":"x"}')
    neither = cli(*check, "--source", "billing", "--json")
    assert neither.data["reason"] == "signature_mismatch"


def test_a_source_of_another_provider_is_named_with_those_there_are(
    cli: Cli, sources: Path
) -> None:
    run = cli("sign", "stripe", "body.json", "--source", "code")
    assert run.code == 2
    assert "has no source code of stripe; it has: billing, gone, other" in run.err
    assert "it has: none" in cli("sign", "standard", "body.json", "--source", "code").err
