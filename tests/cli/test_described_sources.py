"""The commands with sources that describe themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardpoint.webhooks import WebhookRequest, scheme

Cli = Callable[..., Any]
NOW = 1_700_000_000
SECRET = "whsec_test_secret"
CRM = {
    "header": "X-Crm-Signature",
    "timestamp": "/sent/at",
    "timestamp_format": "rfc3339",
    "id_from": "/data/id",
    "type_from": "/kind",
}


@pytest.fixture
def sources(folder: Path) -> Path:
    lines = "\n".join(f'{name} = "{value}"' for name, value in CRM.items())
    path = folder / "hardpoint.toml"
    path.write_text(
        '[store]\nurl = "sqlite:hardpoint.db"\n'
        f'[webhooks.crm]\nprovider = "hmac"\nsecrets = ["env:SECRET"]\n{lines}\n'
        '[webhooks.tracker]\nprovider = "api_key"\nquery = "token"\nsecrets = ["env:SECRET"]\n'
        '[webhooks.meter]\nprovider = "unsigned"\naddresses = ["203.0.113.0/24"]\n'
        '[webhooks.payroll]\nprovider = "jwt"\njwks_url = "https://id.example/keys"\n'
        'issuer = "https://id.example"\naudience = "shop"\n'
    )
    return path


def test_trigger_makes_what_the_settings_look_at_and_signs_it(
    cli: Cli, sources: Path, receiver: SimpleNamespace
) -> None:
    run = cli("trigger", "hmac", "deal.won", "--to", receiver.url, "--set", "amount=5")
    assert run.code == 0, run.err
    [request] = receiver.requests
    crm: Any = scheme("hmac", secrets=[SECRET], **CRM)
    got = WebhookRequest(headers=list(request.headers.items()), body=request.body)
    found = crm.verify(got, now=NOW)
    assert (found.events[0].type, found.signed_at) == ("deal.won", NOW)
    assert json.loads(request.body)["amount"] == 5
    assert f"next:  hardpoint events show {found.events[0].id}" in run.err


def test_trigger_posts_a_key_in_the_address_and_never_shows_it(
    cli: Cli, sources: Path, receiver: SimpleNamespace
) -> None:
    run = cli("trigger", "api_key", "paid", "--to", receiver.url)
    assert run.code == 0, run.err
    assert receiver.requests[0].path.endswith(f"?token={SECRET}")
    assert SECRET not in run.out + run.err


def test_after_an_event_without_an_id_one_looks_at_the_list(
    cli: Cli, sources: Path, receiver: SimpleNamespace
) -> None:
    sources.write_text(
        '[store]\nurl = "sqlite:hardpoint.db"\n'
        '[webhooks.crm]\nprovider = "hmac"\nheader = "x-sign"\nsecrets = ["env:SECRET"]\n'
    )
    run = cli("trigger", "hmac", "deal.won", "--to", receiver.url)
    assert run.code == 0, run.err
    assert run.err.endswith("next:  hardpoint events list\n")


def test_sign_and_verify_go_by_the_source(cli: Cli, sources: Path, folder: Path) -> None:
    (folder / "body.json").write_text(
        '{"data":{"id":7},"kind":"a","sent":{"at":"2023-11-14T22:13:20Z"}}'
    )
    (folder / "headers").write_bytes(cli("sign", "hmac", "body.json", "--source", "crm").raw)
    run = cli("verify", "hmac", "body.json", "--headers", "headers", "--source", "crm")
    assert (run.code, run.out.split()[:2]) == (0, ["PASS", "hmac:"])
    run = cli("verify", "hmac", "body.json", "--headers", "headers")
    assert run.code != 0
    assert "--source NAME" in run.err


def test_verify_takes_the_query_of_the_address(cli: Cli, sources: Path, folder: Path) -> None:
    (folder / "body.json").write_text("{}")
    (folder / "headers").write_text("X-A: b\n")
    arguments = ("verify", "api_key", "body.json", "--headers", "headers", "--source", "tracker")
    assert cli(*arguments, "--url", f"https://shop.example/w?token={SECRET}").code == 0
    assert cli(*arguments).code == 1


def test_verify_looks_for_the_keys_of_a_token(cli: Cli, sources: Path, folder: Path) -> None:
    (folder / "body.json").write_text("{}")
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.e30.c2ln"
    (folder / "headers").write_text(f"Authorization: Bearer {token}\n")
    text = sources.read_text().replace("https://id.example/keys", "https://127.0.0.1:1/keys")
    sources.write_text(text)
    run = cli("verify", "jwt", "body.json", "--headers", "headers", "--source", "payroll")
    assert run.code == 1
    assert "FAIL jwt" in run.out


def test_doctor_warns_of_a_source_that_nobody_signs(cli: Cli, sources: Path) -> None:
    found = {one["check"]: one for one in cli("doctor", "--json").data["findings"]}
    assert found["source crm"]["result"] == "ok"
    assert found["source payroll"]["detail"] == "jwt, 0 secret(s)"
    meter = found["source meter"]
    assert meter["result"] == "warn"
    assert "taken from 203.0.113.0/24" in meter["detail"]
