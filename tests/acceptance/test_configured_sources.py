"""Sources by configuration alone, on a running server: only what is genuine is stored."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx2
import pytest

from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.store.sqlite import SqliteReader

GUIDE = (Path(__file__).parents[2] / "docs/guides/receive-webhooks.md").read_text()
SECTION = GUIDE.partition("## A vendor we do not know")[2].partition("## Handle events")[0]
BLOCKS = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
NAMES = ("CRM_WEBHOOK_SECRET", "MAILER_PASSWORD", "TRACKER_TOKEN")
SECRET = "secret-0123456789"
MORE = """
[webhooks.hook]
provider = "api_key"
query = "token"
secrets = ["env:TRACKER_TOKEN"]
[webhooks.near]
provider = "unsigned"
addresses = ["127.0.0.0/8"]
[webhooks.far]
provider = "unsigned"
addresses = ["203.0.113.0/24"]
"""


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The guide's own blocks, as one file."""
    for name in NAMES:
        monkeypatch.setenv(name, SECRET)
    path = tmp_path / "hardpoint.toml"
    path.write_text("\n".join(['[store]\nurl = "sqlite:inbox.db"', *BLOCKS, MORE]))
    return path


@pytest.fixture
def served(configured):
    command = [sys.executable, "-m", "hardpoint", "serve", "--json"]
    with (configured.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", "--admin-port", "0"],
            cwd=configured.parent,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    yield json.loads(process.stdout.readline())["data"]["url"]
    process.terminate()
    process.communicate(timeout=30)


def test_the_blocks_of_the_guide_are_a_configuration(configured):
    sources, _ = prepare(Settings.load(configured))
    described = {"crm", "payroll", "mailer", "tracker", "meter"}
    assert described < sources.keys()
    assert tomllib.loads(BLOCKS[0])["webhooks"]["crm"]["provider"] == "hmac"


def test_what_is_genuine_is_stored_once_and_nothing_else(served, configured):
    body = json.dumps({"id": "evt_1", "event": "deal.won"}).encode()
    now = int(time.time())
    good = hmac.new(SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()

    def post(path, content=body, **headers):
        answer = httpx2.post(
            f"{served}/webhooks/{path}", content=content, headers=headers, trust_env=False
        )
        return answer.status_code

    signature = {"X-Crm-Signature": f"t={now},v1={good}"}
    assert [post("crm", **signature) for _ in range(2)] == [200, 200]
    assert post("crm", content=body + b" ", **signature) == 401
    assert post("crm") == 401
    assert post(f"hook?token={SECRET}") == 200
    assert post("hook?token=other") == 401
    assert post("tracker", **{"X-Tracker-Token": SECRET}) == 200
    assert post("mailer", Authorization="Basic bm9ib2R5Om5vYm9keQ==") == 401
    assert post("near") == 200
    assert post("far") == 401
    assert post("far", **{"X-Forwarded-For": "203.0.113.9"}) == 401
    assert post("payroll", Authorization="Bearer e30.e30.e30") == 401
    reader = SqliteReader(configured.parent / "inbox.db")
    try:
        found = {(one.source, one.vendor_id, one.type) for one in reader.events()}
    finally:
        reader.close()
    assert found == {
        ("crm", "evt_1", "deal.won"),
        ("hook", None, ""),
        ("tracker", None, ""),
        ("near", None, ""),
    }
    log = (configured.parent / "log").read_text()
    assert SECRET not in log
    assert "203.0.113.0/24" in log
