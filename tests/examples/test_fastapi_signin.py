"""The example, as a browser sees it: with our own fake, a certified provider, and Authlib's."""

import importlib.util
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.oidc_peers import peer

from hardpoint.core.errors import ReauthorizationRequiredError, TokenEndpointError
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_signin"
SHOP = "https://shop.example"
BACK = f"{SHOP}/auth/callback/calendar"


@pytest.fixture(scope="module")
def fake():
    """Its address, and one of its own that takes living access tokens."""
    issuer = FakeIssuer(client_id="shop", client_secret="shop-secret")
    with FakeServer(issuer) as server:
        yield server.url, f"{server.url}/api/events"


@pytest.fixture(scope="module")
def certified():
    """npm's oidc-provider, which `make test` installs; it has an address likewise."""
    with peer("certified", redirect_uris=[BACK]) as issuer:
        yield issuer, f"{issuer}/me"


@pytest.fixture(scope="module")
def authlib():
    """A provider made of Authlib."""
    with peer("authlib", redirect_uris=[BACK]) as issuer:
        yield issuer, f"{issuer}/me"


class Browser:
    """Goes to the provider and back, with cookies on both sides."""

    def __init__(self, module, resource):
        self.module = module
        self.resource = resource
        self.shop = TestClient(module.app, base_url=SHOP, follow_redirects=False)
        self.provider = httpx2.Client(follow_redirects=False)

    def walk(self, path, **params):
        """From one of our paths to the provider, and back to ours."""
        where = httpx2.URL(self.shop.get(path).headers["location"]).copy_merge_params(params)
        while not str(where).startswith(SHOP):
            where = where.join(self.provider.get(where).headers["location"])
        back = urlsplit(str(where))
        return self.shop.get(f"{back.path}?{back.query}")

    def living(self, token):
        """Whether the provider takes an access token."""
        bearer = {"authorization": f"Bearer {token.reveal()}"}
        return self.provider.get(self.resource, headers=bearer).status_code == 200

    def grant(self):
        """The tokens of the first user's connection, valid now."""
        return self.vault("current", "calendar", tenant="user-1").tokens

    def vault(self, verb, *names, **facts):
        vault = self.module.hub.vault
        return self.shop.portal.call(lambda: getattr(vault, verb)(*names, **facts))


@pytest.fixture(params=["fake", "certified", "authlib"])
def browser(request, tmp_path, monkeypatch):
    issuer, resource = request.getfixturevalue(request.param)
    folder = shutil.copytree(EXAMPLE, tmp_path / "shop")
    settings = (folder / "hardpoint.toml").read_text()
    for ours, theirs in (
        ("http://localhost:8000", SHOP),
        ('provider = "google"', f'issuer = "{issuer}"\nauthorize_params = {{prompt = "consent"}}'),
        ("1234-abc.apps.googleusercontent.com", "shop"),
        ("https://www.googleapis.com/auth/calendar.readonly", 'offline_access", "calendar'),
    ):
        assert ours in settings
        settings = settings.replace(ours, theirs)
    (folder / "hardpoint.toml").write_text(settings)
    monkeypatch.setenv("HARDPOINT_KEYRING", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    monkeypatch.setenv("CLIENT_SECRET", "shop-secret")
    monkeypatch.setenv("EVENTS", f"{issuer}/api/events")
    spec = importlib.util.spec_from_file_location("fastapi_signin_app", folder / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    browser = Browser(module, resource)
    with browser.shop, browser.provider:
        yield browser


def test_sign_in_connect_refresh_revoke_and_sign_out(browser):
    shop = browser.shop
    assert shop.get("/").status_code == 401

    answer = browser.walk("/login/calendar?return_to=/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    mail = "ada@people.example"
    assert shop.get("/").json() == {"user": "user-1", "mail": mail, "accounts": {}}
    assert shop.get("/events").status_code == 409

    assert browser.walk("/connect/calendar").status_code == 303
    assert shop.get("/").json()["accounts"] == {"calendar": "active"}
    first = browser.grant()
    assert set(first.scope) >= {"openid", "offline_access", "calendar"}

    renewed = browser.vault("refresh", "calendar", tenant="user-1")
    second = browser.grant()
    assert renewed.version == 2
    assert second.access.reveal() != first.access.reveal()
    assert second.refresh.reveal() != first.refresh.reveal()

    assert browser.living(second.access)
    assert browser.vault("disconnect", "calendar", tenant="user-1") is True
    assert not browser.living(second.access)
    assert shop.get("/events").status_code == 409

    assert shop.post("/logout", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert shop.get("/").status_code == 401


def test_a_stolen_refresh_token_ends_the_grant_and_the_user_connects_anew(browser):
    browser.walk("/login/calendar")
    browser.walk("/connect/calendar")
    stolen = browser.grant().refresh
    browser.vault("refresh", "calendar", tenant="user-1")

    connect = browser.module.hub.accounts.flows._connect["calendar"]
    with pytest.raises(TokenEndpointError) as caught:
        browser.shop.portal.call(connect.endpoint.refresh, stolen)
    assert caught.value.verdict == "grant"
    with pytest.raises(ReauthorizationRequiredError):
        browser.vault("refresh", "calendar", tenant="user-1")
    assert browser.shop.get("/events").status_code == 409

    browser.walk("/connect/calendar")
    assert browser.shop.get("/").json()["accounts"] == {"calendar": "active"}


def test_a_person_who_says_no_is_not_signed_in(browser):
    assert browser.walk("/login/calendar", login_hint="deny").status_code == 403
    assert browser.shop.get("/").status_code == 401


def test_two_people_have_each_their_own(browser):
    browser.walk("/login/calendar", login_hint="ada")
    browser.walk("/connect/calendar", login_hint="ada")
    browser.provider.cookies.clear()
    browser.shop.cookies.clear()
    browser.walk("/login/calendar", login_hint="bob")
    mail = "bob@people.example"
    assert browser.shop.get("/").json() == {"user": "user-2", "mail": mail, "accounts": {}}


@pytest.mark.parametrize("browser", ["fake"], indirect=True)
def test_the_calendar_of_the_connected_account_is_read(browser):
    """With the fake alone: the certified provider has no calendar."""
    browser.walk("/login/calendar")
    browser.walk("/connect/calendar")
    assert [one["summary"] for one in browser.shop.get("/events").json()] == ["Stand-up", "Lunch"]
    token = browser.grant().access
    browser.provider.post(
        f"{browser.resource.removesuffix('/api/events')}/revoke",
        data={"token": token.reveal()},
        auth=("shop", "shop-secret"),
    )
    assert browser.shop.get("/events").status_code == 502
