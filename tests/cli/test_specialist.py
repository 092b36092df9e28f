"""Research, design, checklist, docs, switch and debug, as a specialist uses them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.providers import every_name

Cli = Callable[..., Any]
CONFIG = """
[store]
url = "sqlite:hardpoint.db"

[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE_WEBHOOK_SECRET"]

[connections.shop]
provider = "stripe"
secret_key = "env:STRIPE_SECRET_KEY"
"""
COLUMNS = "| connection | operation | repeat | key | policy | errors | events |"
HEAD = f"{COLUMNS}\n|{'---|' * 7}\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    Path("hardpoint.toml").write_text(CONFIG)


@pytest.mark.parametrize("name", every_name())
def test_every_provider_can_be_looked_up(cli: Cli, name: str) -> None:
    run = cli("research", name, "--json")
    assert run.code == 0
    assert all(one["source"] for one in run.data["facts"])


def test_research_says_its_source_and_its_day(cli: Cli) -> None:
    run = cli("research", "stripe")
    assert "repeated for 72 hours" in run.out
    assert "https://docs.stripe.com/webhooks" in run.out
    assert cli("research", "filesystem").out.count("open: ") >= 1


def test_research_of_a_file_and_of_nothing(cli: Cli) -> None:
    Path("api.json").write_text(json.dumps({"openapi": "3.0.0", "paths": {"/x": {"get": {}}}}))
    assert "1 safe" in cli("research", "api.json").out
    run = cli("research", "nobody")
    assert (run.code, "neither a provider nor a file" in run.err) == (2, True)


def test_a_switch_names_what_is_lost_and_what_is_in_use(cli: Cli) -> None:
    run = cli("switch", "plan", "stripe", "square")
    assert run.code == 0
    assert "lost      payments: metadata" in run.out
    assert "payments.reference_characters: 500 -> 40" in run.out
    assert "[connections.shop]" in run.out
    assert "[webhooks.billing]" in run.out
    data = cli("switch", "plan", "stripe", "square", "--json").data
    assert (data["connections"], data["sources"]) == (["shop"], ["billing"])


def test_a_switch_without_configuration_or_common_port(cli: Cli) -> None:
    Path("hardpoint.toml").unlink()
    assert "the one of twilio" in cli("switch", "plan", "twilio", "twilio").out
    assert cli("switch", "plan", "stripe", "slack").code == 3
    assert cli("switch", "plan", "stripe", "nobody").code == 2
    assert "sendgrid has none" in cli("switch", "plan", "filesystem", "sendgrid").err


def test_a_design_is_written_once_and_checks_clean(cli: Cli) -> None:
    assert cli("design", "design.md", "--write").code == 0
    run = cli("design", "design.md")
    assert (run.code, run.err) == (0, "")
    assert run.out.endswith("operations, 0 problems\n")
    again = cli("design", "design.md", "--write")
    assert (again.code, "exists" in again.err) == (5, True)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("crm | get | safe | - | own | - | -", "there is no [connections.crm]"),
        ("shop | pay | key | id | own | - | -", "stripe has no operation pay"),
        ("shop | refund | often | - | own | - | -", "repeat is one of"),
        ("shop | refund | safe | - | own | - | -", "its class is `key`, not `safe`"),
        ("shop | refund | key | - | own | OutcomeUnknownError | -", "needs a key"),
        (
            "shop | refund | key | uuid4 | own | OutcomeUnknownError | -",
            "another one in each attempt",
        ),
        ("shop | refund | key | id | own | DeclinedError | -", "OutcomeUnknownError, which errors"),
        ("shop | refund | key | id | - | OutcomeUnknownError | -", "names no policy"),
        ("shop | get_payment | safe | - | own | NoSuchError | -", "there is no error NoSuchError"),
        ("shop | get_payment | safe | - | own | - | no.event", "no sample of the event no.event"),
    ],
)
def test_a_mistake_in_the_design_is_found(cli: Cli, row: str, told: str) -> None:
    Path("design.md").write_text(f"# Ours\n\n{HEAD}| {row} |\n")
    run = cli("design", "design.md")
    assert (run.code, told in run.out) == (1, True)


def test_a_design_that_lacks_or_repeats_a_line(cli: Cli) -> None:
    row = "| shop | get_payment | safe | - | own | UnavailableError | - |\n"
    Path("design.md").write_text(HEAD + row + row + "\nText.\n| other | table |\n")
    assert "stands here twice" in cli("design", "design.md").out
    Path("hardpoint.toml").write_text(
        CONFIG + '[connections.b]\nprovider = "stripe"\nsecret_key = "env:B"\n'
    )
    assert "design.md:0: [connections.b] has no line" in cli("design", "design.md").out
    Path("empty.md").write_text("# Nothing\n")
    assert cli("design", "empty.md").code == 3
    assert cli("design", "missing.md").code == 2


def test_the_page_is_built_held_and_keeps_notes(cli: Cli) -> None:
    assert cli("docs", "check").code == 1
    assert cli("docs", "build").code == 0
    page = Path("docs/integrations.md")
    text = page.read_text()
    assert "| `connections.shop.secret_key` | `env:STRIPE_SECRET_KEY` | calls | stripe |" in text
    assert "| `billing` | https://YOUR-HOST/webhooks/billing | stripe |" in text
    assert "| stripe | `insufficient_funds` |" in text
    page.write_text(text + "Ann owns the account.\n")
    assert cli("docs", "check").code == 0
    Path("hardpoint.toml").write_text(CONFIG.replace("env:STRIPE_SECRET_KEY", "env:NEW_KEY"))
    run = cli("docs", "check")
    assert (run.code, "+| `connections.shop.secret_key` | `env:NEW_KEY`" in run.out) == (1, True)
    cli("docs", "build")
    assert page.read_text().endswith("Ann owns the account.\n")


def test_the_page_knows_sources_of_no_vendor_and_other_keys(cli: Cli) -> None:
    Path("hardpoint.toml").write_text(
        'public_url = "https://shop.example"\n[store]\nurl = "sqlite:a.db"\n'
        '[webhooks.any]\nprovider = "standard"\n'
        'secrets = ["env:ANY"]\nforward = { url = "http://127.0.0.1:9/", secret = "env:F" }\n'
        '[connections.crm]\nprovider = "rest"\nbase_url = "https://crm.example"\nkey = "env:CRM"\n'
        '[connections.mail]\nprovider = "smtp"\nurl = "env:SMTP_URL"\n'
    )
    run = cli("docs", "build")
    assert run.code == 0, run.err
    text = Path("docs/integrations.md").read_text()
    assert "| `any` | https://shop.example/webhooks/any | standard | " in text


def test_a_bare_folder_proves_nothing(cli: Cli) -> None:
    Path("hardpoint.toml").unlink()
    run = cli("checklist")
    assert run.code == 1
    assert run.out.endswith("0 of 10 proven\n")
    assert run.err.startswith("next:  retries: give the connection a policy")


def test_configuration_code_and_tests_prove_points(cli: Cli) -> None:
    Path("app.py").write_text(
        "import httpx  # timeout=None would be bad\n"
        "from hardpoint import Policy, UnavailableError\n"
        "client = httpx.Client(timeout=5)\n"
        "try:\n    pass\nexcept UnavailableError:\n    pass\n"
    )
    Path("tests").mkdir()
    Path("tests/test_app.py").write_text("def test_a_forged_request_is_refused(hp_stripe): ...\n")
    run = cli("checklist", "--json")
    points = {one["item"]: (one["proof"], list(one["places"])) for one in run.data["points"]}
    assert points["retries"] == ("configuration", ["hardpoint.toml [connections.shop]"])
    assert points["security"] == ("test", ["tests/test_app.py:1"])
    assert points["testing"] == ("test", ["tests/test_app.py:1"])
    assert points["graceful degradation"] == ("code", ["app.py:6"])
    assert points["documentation"][0] == "not proven"
    cli("docs", "build")
    whole = cli("checklist")
    assert (whole.code, whole.err) == (0, "")


def test_a_mistake_stands_against_every_proof(cli: Cli) -> None:
    Path("app.py").write_text("import requests\nrequests.get('https://x.example')\n")
    run = cli("checklist", "--json")
    (point,) = [one for one in run.data["points"] if one["item"] == "timeouts"]
    assert (point["proof"], point["places"]) == ("not proven", ["app.py:2"])
    assert point["remedy"] == "hardpoint audit --explain HP301"


def test_a_checklist_of_nothing_is_a_mistake(cli: Cli) -> None:
    assert cli("checklist", "nowhere").code == 2
    assert cli("checklist", "--config", "none.toml").code == 2


def test_our_own_source_is_clean(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    examples = [path for path in sorted(Path("examples").iterdir()) if path.name != "before_after"]
    ours = [*examples, "examples/before_after/after"]
    run = cli("audit", "src", *ours, "--json")
    assert run.data["findings"] == []
    own = cli("checklist", "src", "tests", "docs", "--json")
    assert (own.code, own.data["proven"]) == (0, 10)
    told = cli("checklist", *ours, "tests/examples", "--json")
    unproven = [one for one in told.data["points"] if one["proof"] == "not proven"]
    assert [one for one in unproven if one["places"]] == []


def pasted(path: str, body: bytes, headers: str, end: str = "\r\n") -> None:
    lines = ["POST /webhooks/billing HTTP/1.1", "Host: shop.example", headers]
    Path(path).write_bytes(end.join(lines).encode() + (end * 2).encode() + body)


def test_a_pasted_request_is_verified_step_by_step(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_test_secret")
    body = b'{"id":"evt_1","type":"payment_intent.succeeded","object":"event"}'
    Path("body").write_bytes(body)
    signed = cli("sign", "stripe", "body", "--source", "billing", "--header-only").out.strip()
    pasted("request.txt", body, signed)
    run = cli("debug", "request.txt")
    assert (run.code, "verified" in run.out) == (0, True)
    pasted("other.txt", body + b" ", signed, end="\n")
    bad = cli("debug", "other.txt", "--source", "billing")
    assert (bad.code, "refused" in bad.out, "next " in bad.out) == (1, True, True)


def test_a_pasted_request_needs_headers_and_a_source(cli: Cli) -> None:
    Path("empty.txt").write_text("nothing")
    assert cli("debug", "empty.txt").code == 2
    assert cli("debug", "empty.txt", "--source", "none").code == 2


def test_what_nobody_knows_is_told(cli: Cli) -> None:
    run = cli("debug", "evt_none", "--admin", "http://127.0.0.1:1")
    assert (run.code, "there is no file, event or call evt_none" in run.err) == (1, True)
