"""The guide to protecting an API runs as it stands."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory
from fastapi.testclient import TestClient

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "protect-your-api.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")


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
