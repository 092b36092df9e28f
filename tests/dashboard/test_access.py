"""Who is let in, and who is not."""

import asyncio
import re

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.dashboard.conftest import TOKENS, settings_at

from hardpoint.core.errors import ConfigurationError
from hardpoint.dashboard import DashboardUser
from hardpoint.dashboard.access import FAILURES_MAX
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import DashboardRole
from hardpoint.hub.settings import Settings


def test_nobody_sees_a_page_without_signing_in(site):
    async def scenario(site):
        browser = site.browser()
        for path in ("/", "/events", "/events/0192", "/nowhere"):
            reply = await browser.get(path)
            assert reply.status_code == 303
            assert reply.headers["location"].startswith("/dashboard/login?next=%2F")
            plain = await browser.client.get(path)
            assert plain.status_code == 401
            assert "Sign in first" in plain.text
        assert (
            await browser.client.post("/events/1/act", headers={"origin": browser.origin})
        ).status_code == 401

    site(scenario)


def test_a_token_lets_in_and_leads_back_to_where_one_was(site):
    async def scenario(site):
        browser = site.browser()
        reply = await browser.get("/events?state=dead")
        login = reply.headers["location"].removeprefix("/dashboard")
        assert 'value="/events?state=dead"' in (await browser.get(login)).text
        wrong = await browser.post("/login", on=login, token="wrong", next="/events?state=dead")
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)
        assert "No token of ours" in wrong.text
        right = await browser.post(
            "/login", on=login, token=f" {TOKENS['viewer']}\n", next="/events?state=dead"
        )
        assert (right.status_code, right.headers["location"]) == (
            303,
            "/dashboard/events?state=dead",
        )
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert TOKENS["viewer"] not in cookie
        assert (await browser.get("/events")).status_code == 200
        assert (await browser.get("/login")).headers["location"] == "/dashboard/"

    site(scenario)


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
        "/a\r\nset-cookie: x=1",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(site, there):
    async def scenario(site):
        browser = site.browser()
        reply = await browser.post("/login", on="/login", token=TOKENS["admin"], next=there)
        assert reply.headers["location"] == "/dashboard/"
        assert "x=1" not in reply.headers["set-cookie"]

    site(scenario)


def test_a_session_is_new_at_each_sign_in_and_none_can_be_planted(site):
    async def scenario(site):
        browser = site.browser()
        browser.client.cookies.set("hp_dashboard", "planted.by.somebody.else")
        assert (await browser.get("/events")).status_code == 303
        first = (await browser.post("/login", on="/login", token=TOKENS["admin"])).cookies
        second = (await site.browser().post("/login", on="/login", token=TOKENS["admin"])).cookies
        assert first["hp_dashboard"] != second["hp_dashboard"] != "planted.by.somebody.else"

    site(scenario)


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.replace("tdmVyYQ.", "tYWRtaW4.", 1),  # vera, admin
        lambda held: held.replace("tdmVyYQ.", "tbm9ib2R5.", 1),  # nobody
        lambda held: held.replace("tdmVyYQ.", "pdmVyYQ.", 1),
        lambda held: held.replace("tdmVyYQ.", "xdmVyYQ.", 1),
        lambda held: held.replace("tdmVyYQ.", "t_w.", 1),  # no text
        lambda held: held.replace("tdmVyYQ.", "tA.", 1),
        lambda held: held.replace("tdmVyYQ.", ".", 1),
        lambda held: held[:-1] + ("A" if held[-1] != "A" else "B"),
        lambda held: held.rpartition(".")[0],
        lambda held: f"x.{held}",
        lambda held: "",
    ],
)
def test_a_session_that_was_tampered_with_is_none(site, change):
    async def scenario(site):
        browser = await site.signed_in("viewer")
        held = browser.client.cookies["hp_dashboard"]
        assert held.startswith("tdmVyYQ.")
        browser.client.cookies.clear()
        reply = await browser.get("/events", cookie=f"hp_dashboard={change(held)}")
        assert reply.status_code == 303

    site(scenario)


def test_a_session_ends_when_it_is_signed_out_of_when_it_is_old_and_with_its_token(site, tmp_path):
    settings = settings_at(tmp_path)

    async def scenario(site):
        browser = await site.signed_in()
        assert (await browser.get("/events")).status_code == 200
        known = dict(settings.dashboard.tokens)
        settings.dashboard.tokens.pop("admin")
        assert (await browser.get("/events")).status_code == 303
        settings.dashboard.tokens["admin"] = known["vera"]
        assert (await browser.get("/events")).status_code == 303
        settings.dashboard.tokens["admin"] = known["admin"]
        assert (await browser.get("/events")).status_code == 200
        site.hub._clock.ahead = 12 * 3600
        assert (await browser.get("/events")).status_code == 303
        site.hub._clock.ahead = 0
        assert (await browser.post("/logout")).status_code == 303
        assert "hp_dashboard" not in browser.client.cookies

    site(scenario, settings)


def test_who_guesses_is_told_to_wait_and_locks_nobody_out(site):
    async def scenario(site):
        browser = site.browser()
        for _ in range(FAILURES_MAX):
            locked = await browser.post("/login", on="/login", token="guess")
        assert locked.status_code == 429
        assert "wait a minute" in locked.text
        right = await site.browser().post("/login", on="/login", token=TOKENS["admin"])
        assert right.status_code == 303

    site(scenario)


def test_a_form_of_another_site_or_of_none_is_refused(site):
    async def scenario(site):
        browser = await site.signed_in()
        token = await browser.form_token("/events")
        ours = {"origin": browser.origin}
        fields = {"form_token": token}
        for headers in (
            {},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://["},
            {**ours, "sec-fetch-site": "cross-site"},
            {**ours, "sec-fetch-site": "same-site"},
            {"origin": browser.origin.replace("127.0.0.1", "localhost")},
        ):
            reply = await browser.client.post("/logout", data=fields, headers=headers)
            assert (reply.status_code, "did not come from" in reply.text) == (403, True)
        for fields in ({}, {"form_token": "x"}, {"form_token": token[:-1]}):
            reply = await browser.client.post("/logout", data=fields, headers=ours)
            assert (reply.status_code, "out of date" in reply.text) == (403, True)
        other = await site.signed_in()
        stolen = {"form_token": await other.form_token("/events")}
        assert (await browser.client.post("/logout", data=stolen, headers=ours)).status_code == 403
        good = {**ours, "sec-fetch-site": "same-origin"}
        reply = await browser.client.post("/logout", data={"form_token": token}, headers=good)
        assert reply.status_code == 303

    site(scenario)


def test_a_form_that_is_too_large_or_none_is_refused(site):
    async def scenario(site):
        browser = await site.signed_in()
        ours = {"origin": browser.origin}
        large = await browser.client.post("/logout", content=b"x" * 70_000, headers=ours)
        assert large.status_code == 413
        for body in (b"\xff", b"&".join([b"a=b"] * 60)):
            reply = await browser.client.post("/logout", content=body, headers=ours)
            assert reply.status_code == 400

    site(scenario)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost:x", "", "[::1"]
)
def test_another_name_is_refused(site, host):
    async def scenario(site):
        browser = await site.signed_in()
        reply = await browser.get("/events", host=host)
        assert (reply.status_code, "not one of ours" in reply.text) == (421, True)
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")

    site(scenario)


def test_a_name_that_is_configured_is_one_of_ours(tmp_path):
    hub = Hub(settings_at(tmp_path))
    app = hub.dashboard(hosts=["Ops.Shop.Example"])
    hub.settings = hub.settings.__class__(
        store=hub.settings.store,
        dashboard=hub.settings.dashboard,
        public_url="https://shop.example:8443/x",
    )

    async def status(host: str) -> int:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=f"https://{host}") as client:
            reply = await client.get("/login")
            if reply.status_code == 200:
                assert "__Host-hp_visit=" in reply.headers["set-cookie"]
                assert "Secure" in reply.headers["set-cookie"]
            return reply.status_code

    for host, expected in (
        ("ops.shop.example", 200),
        ("ops.shop.example:444", 200),
        ("shop.example", 200),
        ("localhost", 200),
        ("evil.example", 421),
    ):
        assert asyncio.run(status(host)) == expected


def test_every_answer_says_what_a_browser_may_do_with_it(site):
    async def scenario(site):
        browser = await site.signed_in()
        for path in ("/events", "/login", "/nowhere", "/static/dashboard.css", "/static/x"):
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            cached = "static/dashboard.css" in path
            assert (headers["cache-control"] == "no-store") != cached

    site(scenario)


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "dashboard.css/../../app.py", "x.css", ""]
)
def test_no_other_file_is_served(site, name):
    async def scenario(site):
        browser = await site.signed_in()
        reply = await browser.get(f"/static/{name}")
        assert reply.status_code == 404
        assert "dashboard_app" not in reply.text

    site(scenario)


def test_a_file_is_kept_for_as_long_as_its_address_names_its_content(site):
    async def scenario(site):
        browser = site.browser()
        page = (await browser.get("/login")).text
        found = re.search(r'href="/dashboard(/static/dashboard\.css\?v=[0-9a-f]{12})"', page)[1]
        assert "immutable" in (await browser.get(found)).headers["cache-control"]
        for other in ("/static/dashboard.css", "/static/dashboard.css?v=0"):
            assert (await browser.get(other)).headers["cache-control"] == "no-cache"

    site(scenario)


def test_the_admin_listener_has_the_dashboard_beside_what_it_had(site):
    async def scenario(site):
        browser = site.browser(site.admin)
        assert (await browser.client.get("/healthz")).status_code == 200
        for query in ("", "?state=dead"):
            led = await browser.client.get(f"/dashboard{query}", headers={"host": "evil.example"})
            assert (led.status_code, led.headers["location"]) == (307, f"/dashboard/{query}")
        refused = await browser.client.get("/healthz", headers={"origin": "http://x"})
        assert refused.status_code == 403
        assert (await browser.client.get("/dashboards")).status_code == 404

    site(scenario)


def test_without_a_choice_there_is_no_dashboard(tmp_path):
    hub = Hub(Settings())
    with pytest.raises(ConfigurationError, match="nobody could sign in"):
        hub.dashboard()
    assert hub.dashboard(authorize=lambda _: None)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_application_says_who_it_is(tmp_path, asynchronous):
    def known(request):
        name = request.headers.get("x-user")
        return name and DashboardUser(name=name, role=DashboardRole.VIEWER)

    async def known_later(request):
        return known(request)

    hub = Hub(settings_at(tmp_path))
    ours = hub.dashboard(authorize=known_later if asynchronous else known)
    app = Starlette(routes=[Mount("/ops", ours)])

    async def scenario() -> None:
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://localhost"
        )
        async with hub, client:
            nobody = await client.get("/ops/events", headers={"accept": "text/html"})
            assert nobody.status_code == 401
            anna = await client.get("/ops/events", headers={"x-user": "anna"})
            assert anna.status_code == 200
            assert "anna" in anna.text
            assert "Sign out" not in anna.text
            assert 'href="/ops/events"' in anna.text
            assert 'href="/events"' not in anna.text

    asyncio.run(scenario())
