"""Commands for a vendor that signs the address it calls."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from hardpoint.webhooks import WebhookRequest, scheme

Cli = Callable[..., Any]

URL = "https://shop.example/webhooks/texts"
BODY = "MessageSid=SM1&MessageStatus=delivered"
DELIVERED = ("trigger", "twilio", "message.delivered")


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("TOKEN", "12345")
    return "--secret", "env:TOKEN"


def event_of(request: SimpleNamespace, url: str) -> Any:
    received = WebhookRequest(headers=list(request.headers.items()), body=request.body)
    return scheme("twilio", secrets=["12345"], url=url).verify(received, now=0).events[0]


def test_a_sample_is_signed_for_where_it_goes(
    cli: Cli, receiver: SimpleNamespace, token: tuple[str, str]
) -> None:
    run = cli(*DELIVERED, "--to", receiver.url, *token, "--set", "To=+14155550199")
    assert run.code == 0, run.err
    [request] = receiver.requests
    event = event_of(request, receiver.url)
    assert event.type == "message.delivered"
    assert event.id in run.err
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode())["To"] == ["+14155550199"]


def test_a_sample_to_a_source_is_signed_for_its_public_address(
    cli: Cli, receiver: SimpleNamespace, token: tuple[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "texts.toml"
    config.write_text(
        '[store]\nurl = "sqlite:hardpoint.db"\n'
        f'[webhooks.texts]\nprovider = "twilio"\nsecrets = ["env:TOKEN"]\nurl = "{URL}"\n'
    )
    assert cli(*DELIVERED, "--to", receiver.url, "--config", config).code == 0
    assert event_of(receiver.requests[0], URL).type == "message.delivered"


def test_a_parameter_of_a_form_is_left_out(
    cli: Cli, receiver: SimpleNamespace, token: tuple[str, str]
) -> None:
    run = cli(*DELIVERED, "--to", receiver.url, *token, "--unset", "SmsStatus")
    assert run.code == 0
    assert "SmsStatus" not in parse_qs(receiver.requests[0].body.decode())
    assert cli(*DELIVERED, "--to", receiver.url, *token, "--unset", "Nothing").code == 2


def test_what_is_signed_for_an_address_verifies_for_it_alone(
    cli: Cli, token: tuple[str, str], tmp_path: Path
) -> None:
    body = tmp_path / "body"
    body.write_text(BODY)
    signed = cli("sign", "twilio", body, *token, "--to", URL, "--live", "--header-only")
    assert signed.code == 0, signed.err
    headers = tmp_path / "headers"
    headers.write_text(signed.out)
    check = ("verify", "twilio", body, "--headers", headers, *token)
    assert cli(*check, "--url", URL).code == 0
    assert cli(*check, "--url", f"{URL}/").code == 1


@pytest.mark.parametrize(("command", "option"), [("sign", "--to"), ("verify", "--url")])
def test_without_an_address_the_option_is_named(
    cli: Cli, token: tuple[str, str], tmp_path: Path, command: str, option: str
) -> None:
    body = tmp_path / "body"
    body.write_text(BODY)
    headers = tmp_path / "headers"
    headers.write_text("X-Twilio-Signature: x\n")
    more = ("--headers", headers) if command == "verify" else ()
    run = cli(command, "twilio", body, *more, *token)
    assert run.code == 2
    assert f"{option} URL" in run.err
