from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.faults import status
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth.flow import FlowKind

SHOP = "https://shop.example"


def test_a_person_signs_in_and_is_known_and_signs_out(browser, shop):
    assert browser.user() is None
    answer = browser.sign_in("/login/acme?return_to=/orders?page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders?page=2")
    assert browser.user() == "user-1"
    ((_issuer, subject),) = shop.people
    assert subject == "id-of-ada"
    left = browser.client.post("/logout", headers={"origin": SHOP})
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert browser.user() is None


def test_the_same_person_is_the_same_user_again(browser, another):
    browser.sign_in()
    another.sign_in(login_hint="bob")
    assert (browser.user(), another.user()) == ("user-1", "user-2")
    another.client.cookies.clear()
    another.sign_in()
    assert another.user() == "user-1"


def test_a_user_connects_an_account(browser, shop):
    browser.sign_in()
    browser.sign_in("/connect/acme?return_to=/settings")
    (done,) = shop.connected
    assert (done.kind, done.user, done.account) == (FlowKind.CONNECT, "user-1", "id-of-ada")
    assert done.tokens.refresh is not None


def test_nothing_secret_is_in_a_page_an_address_or_a_cookie(browser, shop, provider):
    there = browser.get("/login/acme")
    back = browser.get(browser.agree(there.headers["location"]))
    for answer in (there, back):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "code" not in back.headers["location"]
    cookies = [
        value
        for answer in (there, back)
        for name, value in answer.headers.multi_items()
        if name == "set-cookie"
    ]
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-hp_")
        assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
        assert "access" not in cookie
        assert "refresh" not in cookie


def test_a_new_session_has_a_new_name_and_a_planted_one_is_worth_nothing(browser, another, shop):
    """Session fixation: mallory plants a session of hers in ada's browser, ada signs in over it."""
    another.sign_in(login_hint="mallory")
    planted = another.client.cookies["__Host-hp_session"]
    browser.client.headers["cookie"] = f"__Host-hp_session={planted}"
    there = browser.get("/login/acme")
    flow = there.headers["set-cookie"].partition(";")[0]
    browser.client.headers["cookie"] = f"__Host-hp_session={planted}; {flow}"
    answer = browser.get(browser.agree(there.headers["location"]))
    assert answer.status_code == 303
    assert planted not in answer.headers["set-cookie"]
    assert another.user() is None


def test_a_cookie_tossed_in_by_a_sibling_is_heard_no_more_than_ours(browser):
    browser.sign_in()
    held = browser.client.cookies["__Host-hp_session"]
    browser.client.cookies.clear()
    tossed = {"cookie": f"__Host-hp_session=evil; __Host-hp_session={held}"}
    assert browser.get("/me", headers=tossed).status_code == 401
    assert browser.get("/me", headers={"cookie": f"hp_session={held}"}).status_code == 401


# Who is asked, and where they are sent


@pytest.mark.parametrize(
    "forged",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
        {"forwarded": "host=evil.example;proto=http"},
        {"x-original-url": "https://evil.example/"},
        {"x-forwarded-prefix": "//evil.example"},
    ],
)
def test_where_we_are_is_what_is_configured_whatever_a_request_says(browser, forged):
    there = browser.get("/login/acme", headers=forged).headers["location"]
    assert parse_qs(urlsplit(there).query)["redirect_uri"] == [f"{SHOP}/auth/callback/acme"]
    back = browser.get(browser.agree(there), headers=forged)
    assert back.headers["location"] == "/"
    assert back.headers["set-cookie"].startswith("__Host-hp_session=")


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "/%5cevil.example",
        "javascript:alert(1)",
        "/a%0d%0aset-cookie:x=y",
    ],
)
def test_a_place_to_return_to_that_leads_elsewhere_is_refused(browser, return_to):
    for path in ("/login/acme", "/connect/acme"):
        answer = browser.get(path, params={"return_to": return_to})
        assert answer.status_code in {400, 401}
        assert "location" not in answer.headers
        assert "evil" not in answer.text


@pytest.mark.parametrize("name", ["nobody", "ACME", "acme%00", "..%2facme", "acme'--", "%ff"])
def test_an_unknown_provider_is_not_found(browser, name):
    assert browser.get(f"/login/{name}").status_code == 404
    browser.sign_in()
    assert browser.get(f"/connect/{name}").status_code == 404
    assert browser.get(f"/auth/callback/{name}?state=x&code=y").status_code in {400, 404}


def test_nobody_connects_an_account_without_having_signed_in(browser):
    answer = browser.get("/connect/acme")
    assert (answer.status_code, answer.text) == (401, "Sign in first")


# Back from the provider


def test_a_callback_of_another_browser_is_refused(browser, another, shop):
    back = browser.agree(browser.get("/login/acme").headers["location"])
    another.get("/login/acme")
    assert another.get(back).status_code == 400
    assert another.user() is None
    assert shop.people == {}
    assert browser.get(back).status_code == 303


def test_an_attackers_account_is_not_connected_by_a_link(browser, another, shop):
    """Connect CSRF: mallory's own code and state, opened in ada's browser."""
    another.sign_in(login_hint="mallory")
    browser.sign_in()
    link = another.agree(another.get("/connect/acme").headers["location"], login_hint="mallory")
    assert browser.get(link).status_code == 400
    assert shop.connected == []


def test_a_double_click_signs_in_once_and_a_look_ahead_not_at_all(browser):
    back = browser.agree(browser.get("/login/acme").headers["location"])
    assert browser.client.head(back).status_code == 405
    assert browser.client.post(back).status_code == 400
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400
    assert browser.user() == "user-1"


def test_a_person_who_says_no_is_told_so(browser):
    answer = browser.sign_in(login_hint="deny")
    assert (answer.status_code, answer.text) == (403, "The provider refused")


def test_a_token_that_is_not_to_be_believed_signs_nobody_in(browser, issuer):
    issuer.changes = {"aud": "another-client"}
    answer = browser.sign_in()
    assert (answer.status_code, answer.text) == (400, "The sign-in did not succeed")
    assert browser.user() is None


def test_keys_are_rotated_under_the_traffic(browser, issuer, clock):
    browser.sign_in()
    issuer.rotate_keys()
    assert browser.sign_in().status_code == 400  # within a minute of the last look
    clock.advance(60)
    assert browser.sign_in().status_code == 303


def test_a_provider_that_is_away_is_no_fault_of_the_visitor(browser, provider):
    for path in ("POST /token", "GET /keys"):
        provider.faults.next(status(503), on=path)
        assert browser.sign_in().status_code == 503
    assert browser.user() is None


def test_a_client_that_is_refused_is_named_as_such_and_nothing_else_of_it(browser, issuer):
    issuer.server.client_secret = "renewed"
    answer = browser.sign_in()
    assert answer.status_code == 502
    assert answer.text.startswith("The sign-in did not succeed: ")
    assert "(invalid_client)" in answer.text
    assert "acme" not in answer.text


# Forms


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_another_site_signs_nobody_out(browser, headers):
    browser.sign_in()
    assert browser.client.post("/logout", headers=headers).status_code == 403
    assert browser.get("/logout").status_code == 405
    assert browser.user() == "user-1"


def test_a_form_of_ours_carries_its_token(browser, shop):
    seen = []

    async def form(request):
        seen.append(shop.signin.form_token(request))
        own = shop.signin.is_own(request, request.query_params.get("token"))
        return PlainTextResponse(str(own))

    shop.app.add_route("/form", form, methods=["GET", "POST"])
    browser.get("/form")
    browser.sign_in()
    browser.get("/form")
    assert seen[0] == ""
    assert browser.client.post("/form").text == "False"
    assert browser.client.post(f"/form?token={seen[1]}").text == "True"


# What an application gives


def test_an_application_may_await_and_may_make_its_own_pages(make_shop, browse):
    async def on_login(identity):
        return identity.email

    def on_refused(request, error, status):
        return PlainTextResponse(f"no: {error.reason}", status)

    kept = []
    options = {"on_login": on_login, "on_refused": on_refused, "on_connect": kept.append}
    browser = browse(make_shop(**options))
    browser.sign_in()
    assert browser.user() == "ada@people.example"
    assert browser.sign_in(login_hint="deny").text == "no: access_denied"
    assert browser.sign_in("/connect/acme").status_code == 303
    assert kept[0].user == "ada@people.example"


def test_a_callable_object_that_awaits_is_awaited(make_shop, browse):
    class OnLogin:
        async def __call__(self, identity):
            return "someone"

    browser = browse(make_shop(on_login=OnLogin()))
    browser.sign_in()
    assert browser.user() == "someone"


def test_a_route_of_ones_own_asks_for_more(browser, shop):
    async def more(request):
        return await shop.signin.begin(
            request,
            FlowKind.UPGRADE,
            "acme",
            scopes=["calendar"],
            connection="c-1",
            account="id-of-ada",
            return_to="/settings",
        )

    shop.app.add_route("/more", more)
    browser.sign_in()
    assert browser.sign_in("/more").headers["location"] == "/settings"
    assert shop.connected[0].connection == "c-1"
    answer = browser.sign_in("/more", login_hint="bob")
    assert (answer.status_code, len(shop.connected)) == (400, 1)


def test_fastapi_takes_it_as_a_dependency(shop, browse):
    app = FastAPI()
    app.router.routes.extend(shop.signin.routes())

    @app.get("/me")
    async def me(user: Annotated[str, Depends(shop.signin.user)]):
        return {"user": user}

    shop.app = app
    browser = browse(shop)
    assert browser.get("/me").status_code == 401
    browser.sign_in()
    assert browser.get("/me").json() == {"user": "user-1"}


def test_on_plain_loopback_cookies_are_bare_and_elsewhere_plain_http_is_refused(shop):
    shop.public_url = "http://127.0.0.1:8000"
    plain = SignIn(shop, on_login=shop.get_or_create)
    client = TestClient(Starlette(routes=plain.routes()), follow_redirects=False)
    cookie = client.get("/login/acme").headers["set-cookie"]
    assert cookie.startswith("hp_flow=")
    assert "Secure" not in cookie
    shop.public_url = "http://shop.example"
    with pytest.raises(ConfigurationError, match="public_url"):
        SignIn(shop, on_login=shop.get_or_create)
