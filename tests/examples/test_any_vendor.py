"""The tutorial: its blocks are the example's files, and all three of its parts work together."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient

from hardpoint.fakes.faults import status
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.testing import FakeRest
from hardpoint.webhooks import scheme
from hardpoint.webhooks.attempts import HandlerFinished

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "any_vendor"
GUIDE = (ROOT / "docs" / "guides" / "connect-any-vendor.md").read_text()
BLOCKS = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
SHOP = "https://shop.example"
BODY = b'{"id":"e1","event":"deal.won","deal":7}'
DEALS = [{"id": 7, "name": "Roof"}, {"id": 8, "name": "Door"}]


def test_the_blocks_of_the_page_are_the_files_of_the_example():
    files = ["app.py", "hardpoint.toml", "pytest.ini", "tests/test_app.py"]
    assert {name: (EXAMPLE / name).read_text() for name in files} == BLOCKS


def test_the_application_has_twenty_lines():
    lines = [one for one in BLOCKS["app.py"].splitlines() if one.strip()]
    assert len([one for one in lines if not one.startswith(("from ", "import "))]) <= 20


def test_its_own_test_passes(tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "any_vendor")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def page(request):
    if dict(request.query()).get("page") == "2":
        return DEALS[1:]
    return FakeReply.json(DEALS[:1], 200, ("link", '</v2/deals?page=2>; rel="next"'))


@pytest.fixture
def api():
    with FakeServer(FakeRest()) as server:
        server.app.on("GET /v2/deals/7", DEALS[0])
        server.app.on("GET /v2/deals", page)
        server.app.on("POST /v2/notes", {})
        yield server


@pytest.fixture
def issuer():
    with FakeServer(FakeIssuer(client_id="shop", client_secret="shop-secret")) as server:
        yield server.url


@pytest.fixture
def shop(tmp_path, monkeypatch, api, issuer):
    """The module that the page makes, with the vendor on loopback."""
    for name, text in BLOCKS.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        near = text.replace("https://api.crm.example", api.url)
        file.write_text(near.replace("https://id.crm.example", issuer))
    monkeypatch.setenv("CRM_KEY", "key-1")
    monkeypatch.setenv("CRM_WEBHOOK_SECRET", "secret-1")
    monkeypatch.setenv("CRM_CLIENT_SECRET", "shop-secret")
    monkeypatch.setenv("HARDPOINT_KEYRING", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    spec = importlib.util.spec_from_file_location("any_vendor_app", tmp_path / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_unknown_vendor_is_called_heard_and_signs_its_users_in(shop, api):
    finished = threading.Event()
    ended = []

    def hear(event):
        if isinstance(event, HandlerFinished):
            ended.append(event)
            finished.set()

    shop.hub.listeners.add(hear)
    signing = scheme(
        "hmac",
        secrets=["secret-1"],
        header="X-Crm-Signature",
        signature_field="v1",
        timestamp="field:t",
        signed="{timestamp}.{body}",
    )
    with TestClient(shop.app, base_url=SHOP, follow_redirects=False) as client:
        assert client.post("/webhooks/crm", content=BODY).status_code == 401
        headers = dict(signing.sign(BODY, now=time.time(), event_id="", event_type=""))
        api.faults.next(status(503), on="POST /v2/notes")
        for _ in range(2):
            assert client.post("/webhooks/crm", content=BODY, headers=headers).status_code == 200
        assert finished.wait(30)
        [note] = [one for one in api.app.received if one.method == "POST"]
        assert note.json() == {"deal": 7, "text": "Welcome, Roof"}
        assert note.headers["idempotency-key"]
        assert note.headers["authorization"] == "Bearer key-1"

        assert client.get("/deals").status_code == 401
        with httpx2.Client(follow_redirects=False) as browser:
            where = client.get("/login/crm").headers["location"]
            while not where.startswith(SHOP):
                where = str(httpx2.URL(where).join(browser.get(where).headers["location"]))
        back = urlsplit(where)
        assert client.get(f"{back.path}?{back.query}").status_code == 303
        assert client.get("/deals").json() == DEALS
    assert [one.error for one in ended] == [None]
