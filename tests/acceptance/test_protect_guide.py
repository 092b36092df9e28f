"""The guide to protecting an API runs as it stands."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory
from fastapi.testclient import TestClient

from hardpoint.api_keys import CallerRequest
from hardpoint.fakes.server import FakeServer
from hardpoint.sync import Hub as BlockingHub
from hardpoint.testing import FakeRest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "protect-your-api.md").read_text()
TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
SECRET = "c2VjcmV0IG9mIGFjbWUsIDMyIGJ5dGVzIGxvbmcuLi4="

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")


@pytest.mark.parametrize(
    ("name", "scheme", "connection"), [("orders", "rfc9421", 2), ("by_hand", "hmac", 3)]
)
def test_what_a_partner_signs_by_the_guide_is_taken(
    tmp_path, monkeypatch, name, scheme, connection
):
    monkeypatch.setenv("ACME_SECRET", SECRET)
    config = tmp_path / "hardpoint.toml"
    with FakeServer(FakeRest()) as server:
        server.app.on("POST /orders", {})
        text = f'{TOML[1]}scheme = "{scheme}"\n{TOML[0]}\n{TOML[connection]}'
        config.write_text(text.replace("https://shop.example", server.url))
        with BlockingHub.load(config) as hub:
            hub.rest(name).post("/orders", query={"a": "1"}, json={"b": 2})
            [seen] = server.app.received
            headers = list(seen.headers.items())
            sent = CallerRequest(seen.method, seen.target, headers, seen.body)
            assert hub.api_keys.authenticate(sent, tenant="acme").id == "acme"


@pytest.fixture
def names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hardpoint.toml").write_text("")
    names = {"__name__": "guide"}
    for number, text in enumerate(PYTHON, 1):
        exec(compile(text, f"snippet {number}", "exec"), names)
    return names


def test_each_application_of_the_guide_lets_a_caller_in(names):
    made = names["blocking"].api_keys.create("importer", scopes=["orders:read"], tenant="acme")
    shown = {"X-API-Key": made.secret.reveal()}
    for app in (names["app"], names["protected"]):
        with TestClient(app) as client:
            assert client.get("/acme/orders", headers=shown).json() == {"for": "importer"}
            assert client.get("/acme/orders").status_code == 401
    site = names["site"].test_client()
    assert site.get("/acme/orders", headers=shown).get_json() == {"for": "importer"}
    view = names["django_orders"]
    assert view(RequestFactory().get("/", headers=shown), tenant="acme").status_code == 200
    assert view(RequestFactory().get("/", headers=shown), tenant="other").status_code == 401
    names["blocking"].close()
