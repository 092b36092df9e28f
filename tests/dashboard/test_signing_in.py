"""Signing in at a provider that knows people: a real flow at an issuer of the tests'."""

from dataclasses import replace

import httpx2
import pytest
from tests.dashboard.conftest import settings_at

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.identity import IdentitySettings, VaultSettings
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.hub.operators import DashboardRole, DashboardSettings
from hardpoint.hub.settings import Settings

KEYRING = "k1:" + "A" * 43 + "="


@pytest.fixture
def issuer():
    with FakeServer(FakeIssuer()) as server:
        yield server


def settings_with(tmp_path, issuer, **changes) -> Settings:
    one = OAuthSettings(
        name="acme",
        client_id="client",
        client_secret=Secret.value("client-secret"),
        issuer=issuer.url,
    )
    vault = VaultSettings(path=tmp_path / "vault.db", keyring=Secret.value(KEYRING))
    base = settings_at(tmp_path)
    people = {"ada@people.example": DashboardRole.OPERATOR}
    facts = {"sign_in": "acme", "people": people, "url": "http://127.0.0.1:1/dashboard"}
    return replace(
        base,
        identity=IdentitySettings(vault=vault, oauth={"acme": one}),
        public_url="https://shop.example",
        dashboard=replace(base.dashboard, **{**facts, **changes}),
    )


def at_home(site) -> None:
    """Where the provider leads back to, now that the port is known."""
    settings = site.hub.settings
    url = f"{site.admin}/dashboard"
    site.hub.settings = replace(settings, dashboard=replace(settings.dashboard, url=url))


async def through(browser, path: str = "/login/provider?next=/events%3Fstate%3Ddead"):
    """To the provider and back; the last answer of ours."""
    away = await browser.get(path)
    assert away.status_code == 303
    async with httpx2.AsyncClient() as elsewhere:
        back = await elsewhere.get(away.headers["location"])
    return await browser.client.get(back.headers["location"])


def test_people_sign_in_at_their_provider_and_are_known_by_name(site, tmp_path, issuer):
    async def scenario(site):
        at_home(site)
        browser = site.browser()
        login = await browser.page("/login?next=/events")
        assert "Sign in with acme" in login.text
        assert "/dashboard/login/provider?next=%2Fevents" in login.urls
        done = await through(browser)
        assert (done.status_code, done.headers["location"]) == (303, "/dashboard/events?state=dead")
        page = await browser.page("/events")
        assert "ada@people.example operator" in page.text
        held = browser.client.cookies["hp_dashboard"]
        people = site.hub.settings.dashboard.people
        people["ada@people.example"] = DashboardRole.VIEWER
        assert "viewer" in (await browser.page("/events")).text
        people.clear()
        assert (await browser.get("/events")).status_code == 303
        # The same cookie, signed for a person, opens no token's session, and the other way round.
        other = site.browser()
        other.client.cookies.set("hp_dashboard", "t" + held[1:])
        assert (await other.get("/events")).status_code == 303
        assert (await (await site.signed_in("viewer")).get("/events")).status_code == 200

    site(scenario, settings_with(tmp_path, issuer))


@pytest.mark.parametrize(
    "changes", [{"email": "eve@people.example"}, {"email_verified": False}, {"email": None}]
)
def test_who_is_not_among_the_people_is_refused(site, tmp_path, issuer, changes):
    issuer.app.changes = changes

    async def scenario(site):
        at_home(site)
        browser = site.browser()
        done = await through(browser)
        assert (done.status_code, "not among its people" in done.text) == (403, True)
        assert "hp_dashboard" not in browser.client.cookies

    site(scenario, settings_with(tmp_path, issuer))


def test_an_answer_that_nobody_asked_for_and_a_provider_that_is_away_are_told(
    site, tmp_path, issuer
):
    async def scenario(site):
        at_home(site)
        browser = site.browser()
        for path in (
            "/auth/callback/acme?code=c&state=s",
            "/auth/callback/other?code=c&state=s",
            "/auth/callback/acme",
        ):
            reply = await browser.get(path)
            assert (reply.status_code, "did not succeed" in reply.text) == (400, True)
        away = await browser.get("/login/provider?next=//evil.example")
        async with httpx2.AsyncClient() as elsewhere:
            back = await elsewhere.get(away.headers["location"])
        stranger = site.browser()
        stolen = await stranger.client.get(back.headers["location"])
        assert stolen.status_code == 400
        issuer.stop()
        assert (await browser.get("/login/provider")).status_code == 503
        settings = site.hub.settings
        site.hub.settings = replace(settings, dashboard=replace(settings.dashboard, sign_in=None))
        assert (await browser.get("/login/provider")).status_code == 502

    site(scenario, settings_with(tmp_path, issuer))


def test_without_tokens_there_is_no_field_for_one(site, tmp_path, issuer):
    async def scenario(site):
        page = await site.browser().page("/login")
        assert "Sign in with acme" in page.text
        assert "token" not in [own.get("id") for _, own in page.tags]

    site(scenario, settings_with(tmp_path, issuer, tokens={}))


def test_what_cannot_work_is_refused_before_anybody_comes(tmp_path, issuer):
    settings = settings_with(tmp_path, issuer)
    for broken in (
        replace(settings, identity=IdentitySettings()),
        replace(settings, dashboard=replace(settings.dashboard, url=None)),
    ):
        with pytest.raises(ConfigurationError, match="sign_in"):
            Hub(broken).dashboard()
    assert Hub(settings).dashboard()
    assert not DashboardSettings().chosen


HEAD = """
[store]
url = "sqlite:events.db"
[vault]
keyring = "env:RING"
[oauth.acme]
issuer = "https://id.example"
client_id = "client"
"""


def test_people_are_read_from_the_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("RING", KEYRING)
    path = tmp_path / "hardpoint.toml"
    path.write_text(
        f'public_url = "https://shop.example"\n{HEAD}'
        '[dashboard]\nurl = "https://ops.example/x/"\nsign_in = "acme"\nhosts = ["Ops.Example"]\n'
        'people = { "Anna@shop.example" = "admin" }\n'
    )
    read = Settings.load(path).dashboard
    assert read == DashboardSettings(
        hosts=("ops.example",),
        sign_in="acme",
        people={"anna@shop.example": DashboardRole.ADMIN},
        url="https://ops.example/x",
    )
    assert read.chosen


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('sign_in = "other"', "dashboard.sign_in"),
        ('sign_in = "acme"\nurl = "https://ops.example"', "dashboard.people"),
        ('sign_in = "acme"\npeople = { a = "king" }', "dashboard.people.a"),
        ('sign_in = "acme"\npeople = { a = "admin" }', "dashboard.url"),
        (
            'sign_in = "acme"\npeople = { "\u212aim@shop.example" = "admin" }',
            "\u212aim@shop.example",
        ),
        ('token = "env:SHORT"', "dashboard.token"),
        ('token = "env:LONG"\ntokens = { a = { token = "env:LONG", role = "admin" } }', "tokens.a"),
        ('tokens = { admin = { token = "env:LONG", role = "admin" } }', "tokens.admin"),
        ('tokens = { "A b" = { token = "env:LONG", role = "admin" } }', "tokens.A b"),
        ('tokens = { a = { token = "env:LONG", role = "king" } }', "tokens.a.role"),
        ('hosts = ["https://x"]', "dashboard.hosts"),
        ("hosts = [1]", "dashboard.hosts"),
        ('colour = "red"', "dashboard.colour"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(tmp_path, monkeypatch, text, key):
    monkeypatch.setenv("RING", KEYRING)
    monkeypatch.setenv("SHORT", "hunter2")
    monkeypatch.setenv("LONG", "0123456789" * 3)
    path = tmp_path / "hardpoint.toml"
    path.write_text(f'public_url = "https://shop.example"\n{HEAD}[dashboard]\n{text}\n')
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(path)
    assert key in refused.value.key
    assert "hunter2" not in str(refused.value)


def test_an_address_that_only_looks_like_one_of_the_people_is_refused(site, tmp_path, issuer):
    issuer.app.changes = {"email": "\u212aim@people.example"}  # in small letters a k

    async def scenario(site):
        at_home(site)
        site.hub.settings.dashboard.people["kim@people.example"] = DashboardRole.ADMIN
        done = await through(site.browser())
        assert (done.status_code, "not among its people" in done.text) == (403, True)

    site(scenario, settings_with(tmp_path, issuer))
