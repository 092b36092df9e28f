"""Answers that come as a form, and people who sign out: here, there, and at both."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.faults import status

SHOP = "https://shop.example"
OWN = {"sec-fetch-site": "same-origin"}
FORM = "application/x-www-form-urlencoded"


def cookie_of(answer):
    return answer.headers["set-cookie"].partition(";")[0]


class Posting:
    """A browser whose provider posts its answer from a page of its own."""

    def __init__(self, browser):
        self.browser = browser
        self.there = browser.get("/login/acme?return_to=/orders")
        back = urlsplit(browser.agree(self.there.headers["location"]))
        self.path, self.fields = back.path, dict(parse_qsl(back.query))

    def post(self, cookie=None, **changes):
        """Only cookies that say SameSite=None come along."""
        self.browser.client.cookies.clear()
        headers = {"cookie": cookie_of(self.there) if cookie is None else cookie}
        headers["origin"] = "https://id.acme.example"
        fields = {**self.fields, **changes}
        return self.browser.client.post(self.path, data=fields, headers=headers)


@pytest.fixture
def posting(make_shop, browse):
    return Posting(browse(make_shop(facts={"form_post": True})))


def test_an_answer_may_be_posted_and_comes_with_one_cookie_of_ours(posting):
    asked = dict(parse_qsl(urlsplit(posting.there.headers["location"]).query))
    assert asked["response_mode"] == "form_post"
    cookie = posting.there.headers["set-cookie"]
    assert cookie.startswith("__Host-hp_posted=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=None", "Path=/"))
    answer = posting.post()
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders")
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert posting.post().status_code == 400, "a state works once"


def test_a_form_without_that_cookie_or_in_another_browser_is_refused(posting):
    held = cookie_of(posting.there).partition("=")[2]
    assert posting.post(cookie="").status_code == 400
    assert posting.post(cookie=f"__Host-hp_flow={held}").status_code == 400
    assert posting.post(cookie=f"__Host-hp_posted={'x' * 43}").status_code == 400
    assert posting.post().status_code == 303


def test_what_was_to_be_posted_is_not_taken_from_an_address(posting):
    query = "&".join(f"{name}={value}" for name, value in posting.fields.items())
    answer = posting.browser.get(f"{posting.path}?{query}")
    assert answer.status_code == 400
    empty = posting.browser.client.post(
        f"{posting.path}?{query}", headers={"cookie": cookie_of(posting.there)}
    )
    assert empty.status_code == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"state=x"),
        ("application/json", b"{}"),
        (FORM, b"\xff\xfe=1"),
        (FORM, b"&".join(b"a%d=1" % number for number in range(60))),
        (FORM, b"code=" + b"x" * 70_000),
        (FORM, b"state=a&state=b"),
    ],
)
def test_a_body_that_is_no_answer_is_refused_and_costs_little(posting, kind, body):
    answer = posting.browser.client.post(posting.path, content=body, headers={"content-type": kind})
    assert answer.status_code == 400


def test_signing_out_leads_to_the_provider_where_that_is_wanted(make_shop, browse):
    facts = {"end_session_url": "https://id.acme.example/bye?x=1"}
    browser = browse(make_shop(facts=facts, logout=True))
    browser.sign_in()
    left = browser.client.post("/logout", headers=OWN)
    there = urlsplit(left.headers["location"])
    assert (left.status_code, there.netloc, there.path) == (303, "id.acme.example", "/bye")
    asked = {"x": "1", "client_id": "client", "post_logout_redirect_uri": f"{SHOP}/"}
    assert dict(parse_qsl(there.query)) == asked
    assert browser.user() is None
    again = browser.client.post("/logout", headers=OWN)
    assert again.headers["location"] == "/", "nobody is signed in any more"


def test_signing_out_stays_here_where_it_is_not(make_shop, browse):
    plain = browse(make_shop(facts={"end_session_url": "https://id.acme.example/bye"}))
    plain.sign_in()
    assert plain.client.post("/logout", headers=OWN).headers["location"] == "/"
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.logout"):
        make_shop(logout=True)


def notify(browser, token, name="acme", **options):
    options = {"data": {"logout_token": token}, **options}
    return browser.client.post(f"/auth/logout/{name}", **options)


def test_a_provider_signs_somebody_out_everywhere(browser, another, issuer):
    browser.sign_in()
    another.sign_in(login_hint="bob")
    answer = notify(another, issuer.logout_token())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (browser.user(), another.user()) == (None, "user-2")


def test_a_provider_ends_one_session_of_several(browser, another, issuer):
    issuer.changes = {"sid": "s-1"}
    browser.sign_in()
    issuer.changes = {"sid": "s-2"}
    another.sign_in()
    assert notify(browser, issuer.logout_token(None, sid="s-1")).status_code == 200
    assert (browser.user(), another.user()) == (None, "user-1")


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"nonce": "n"}, {"events": {}}])
def test_a_notice_that_is_not_to_be_believed_signs_nobody_out(browser, issuer, claims):
    browser.sign_in()
    answer = notify(browser, issuer.logout_token(**claims))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert browser.user() == "user-1"


@pytest.mark.parametrize("options", [{"data": {}}, {"data": {"logout_token": "x"}}, {"json": {}}])
def test_what_is_no_notice_is_refused(browser, options):
    assert notify(browser, "", **{"data": None, **options}).status_code == 400
    assert notify(browser, "", name="nobody").status_code == 404


def test_while_the_issuers_keys_cannot_be_had_a_notice_may_come_again(browser, issuer, provider):
    provider.faults.next(status(503), on="GET /keys")
    assert notify(browser, issuer.logout_token()).status_code == 503
