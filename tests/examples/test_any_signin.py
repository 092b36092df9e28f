"""The example, as a browser sees it: a provider that the configuration alone describes."""

import importlib.util
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient

from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "any_signin"
SHOP = "https://shop.example"


@pytest.fixture
def vendor():
    with FakeServer(FakeIssuer(client_id="shop", client_secret="shop-secret")) as server:
        yield server


@pytest.fixture
def shop(vendor, tmp_path, monkeypatch):
    folder = shutil.copytree(EXAMPLE, tmp_path / "shop")
    settings = (folder / "hardpoint.toml").read_text()
    for ours, theirs in (("http://localhost:8000", SHOP), ("https://acme.example", vendor.url)):
        assert ours in settings
        settings = settings.replace(ours, theirs)
    (folder / "hardpoint.toml").write_text(settings)
    monkeypatch.setenv("HARDPOINT_KEYRING", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    monkeypatch.setenv("CLIENT_SECRET", "shop-secret")
    spec = importlib.util.spec_from_file_location("any_signin_app", folder / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with TestClient(module.app, base_url=SHOP, follow_redirects=False) as client:
        client.hub = module.hub
        yield client


def walk(shop, path, **params):
    there = httpx2.URL(shop.get(path).headers["location"]).copy_merge_params(params)
    back = urlsplit(httpx2.get(there, follow_redirects=False).headers["location"])
    return shop.get(f"{back.path}?{back.query}")


def test_people_sign_in_and_connect_by_configuration_alone(shop, vendor):
    assert walk(shop, "/login/acme?return_to=/").headers["location"] == "/"
    assert shop.get("/").json() == {"user": "user-1", "accounts": {}}
    assert walk(shop, "/connect/acme").status_code == 303
    assert shop.get("/").json()["accounts"] == {"acme": "active"}

    def of_vault(verb, *names, **facts):
        return shop.portal.call(lambda: getattr(shop.hub.vault, verb)(*names, **facts))

    assert of_vault("refresh", "acme", tenant="user-1").version == 2
    assert of_vault("status", "acme", tenant="user-1").account == "id-of-ada"
    assert of_vault("disconnect", "acme", tenant="user-1") is True
    assert vendor.ledger.count("revoke") == 1


def test_another_person_is_another_user(shop):
    walk(shop, "/login/acme")
    shop.cookies.clear()
    walk(shop, "/login/acme", login_hint="bob")
    assert shop.get("/").json()["user"] == "user-2"
    assert walk(shop, "/login/acme", login_hint="deny").status_code == 403
