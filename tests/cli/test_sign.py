import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

BODY = b'{"id":"evt_test_webhook","object":"event"}'
HEADER = (
    "Stripe-Signature: t=1700000000,"
    "v1=d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990\n"
)
SECRET = ("--secret", "env:SECRET")
pytestmark = pytest.mark.usefixtures("folder")


def test_headers_and_body_are_printed_as_a_message(cli: Cli) -> None:
    run = cli("sign", "stripe", "-", *SECRET, stdin=BODY)
    assert (run.code, run.err) == (0, "")
    assert run.raw == HEADER.encode() + b"\n" + BODY


def test_the_body_goes_through_byte_for_byte(cli: Cli, folder: Path) -> None:
    body = b"\x1b[31m\r\n\x00\xff"
    (folder / "body").write_bytes(body)
    assert cli("sign", "stripe", "body", *SECRET).raw.endswith(b"\n\n" + body)


def test_headers_alone_on_request(cli: Cli) -> None:
    assert cli("sign", "stripe", "-", *SECRET, "--header-only", stdin=BODY).out == HEADER


def test_the_time_can_be_given(cli: Cli) -> None:
    run = cli("sign", "stripe", "-", *SECRET, "--timestamp", "2001-09-09T01:46:40Z", stdin=BODY)
    assert "t=1000000000," in run.out


def test_as_json(cli: Cli) -> None:
    run = cli("sign", "stripe", "-", *SECRET, "--json", stdin=BODY)
    assert run.data == {
        "headers": {"Stripe-Signature": HEADER.strip().partition(": ")[2]},
        "signed_at": 1_700_000_000,
    }


def test_every_secret_named_signs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "whsec_old")
    run = cli("sign", "stripe", "-", *SECRET, "--secret", "env:OLD", "--header-only", stdin=BODY)
    assert run.out.count("v1=") == 2


def test_a_secret_may_be_typed_on_the_terminal(cli: Cli) -> None:
    run = cli("sign", "stripe", "-", "--header-only", stdin=BODY, tty=True)
    assert run.out == HEADER


def test_what_stands_in_headers_is_given_by_option(cli: Cli) -> None:
    run = cli("sign", "github", "-", *SECRET, "--type", "push", "--id", "d1", "--json", stdin=b"{}")
    headers = run.data["headers"]
    assert (headers["X-GitHub-Event"], headers["X-GitHub-Delivery"]) == ("push", "d1")


def test_a_type_that_a_header_needs_is_asked_for(cli: Cli) -> None:
    run = cli("sign", "github", "-", *SECRET, stdin=b"{}")
    assert run.code == 2
    assert "add --type TYPE" in run.err


def test_an_id_that_would_not_verify_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    run = cli("sign", "standard", "-", *SECRET, "--id", "a.b", stdin=b"{}")
    assert run.code == 2
    assert "--id: an id is" in run.err


@pytest.mark.parametrize("option", ["--type", "--id"])
def test_what_no_header_can_hold_is_refused(cli: Cli, option: str) -> None:
    run = cli("sign", "github", "-", *SECRET, option, "a\r\nb", stdin=b"{}")
    assert run.code == 2
    assert f"{option} is not printable ASCII" in run.err


def test_elsewhere_needs_live(cli: Cli) -> None:
    arguments = ("sign", "stripe", "-", *SECRET, "--header-only", "--to")
    refused = cli(*arguments, "https://shop.example/hook", stdin=BODY)
    assert (refused.code, refused.out) == (5, "")
    assert "repeat with --live" in refused.err
    assert cli(*arguments, "http://127.0.0.1:1/", stdin=BODY).code == 0
    assert cli(*arguments, "https://shop.example/hook", "--live", stdin=BODY).code == 0


def test_an_unknown_provider_exits_3_and_lists_the_known(cli: Cli) -> None:
    run = cli("sign", "paypla", "-", *SECRET, "--json")
    assert run.code == 3
    assert "stripe" in run.error["hint"]
    assert json.loads(run.out)["ok"] is False
