"""Answers that come as a form, and people who sign out: here, there, and at both."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.faults import status
from hardpoint.runtime.blocking import run

SHOP = "https://shop.example"
OWN = {"sec-fetch-site": "same-origin"}
FORM = "application/x-www-form-urlencoded"


def cookie_of(answer):
    return answer.headers["set-cookie"].partition(";")[0]


class Posting:
    """A browser whose provider posts its answer from a page of its own."""

    def __init__(self, browser, path="/login/acme"):
        self.browser = browser
        self.there = browser.get(f"{path}?return_to=/orders")
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


@pytest.fixture
def signed_in(make_shop, browse):
    """Ada, in a browser whose session's cookie comes with no posted answer."""
    shop = make_shop(facts={"form_post": True})
    posting = Posting(browse(shop))
    posting.browser.session = cookie_of(posting.post())
    return posting.browser


def connecting(browser):
    browser.client.cookies.clear()
    browser.client.headers["cookie"] = browser.session
    posting = Posting(browser, "/connect/acme")
    del browser.client.headers["cookie"]
    return posting


def test_an_account_is_connected_by_a_posted_answer_too(signed_in):
    posting = connecting(signed_in)
    held = cookie_of(posting.there).partition("=")[2]
    key = held.partition(".")[2]
    assert len(key) == 64
    assert key not in signed_in.session, "it names the session, and opens nothing"
    as_session = {"cookie": f"__Host-hp_session={key}"}
    assert signed_in.client.get("/me", headers=as_session).status_code == 401
    answer = posting.post()
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders")
    [done] = signed_in.shop.connected
    assert (done.user, done.kind.value) == ("user-1", "connect")
    assert posting.post().status_code == 400, "a state works once"


@pytest.mark.parametrize("change", ["no session", "another's", "nobody's"])
def test_a_posted_answer_is_connected_to_nobody_but_who_began(signed_in, change):
    posting = connecting(signed_in)
    name, _, held = cookie_of(posting.there).partition("=")
    began = held.partition(".")[0]
    other = run(signed_in.shop.sessions.start("mallory")).session.key
    value = {"no session": began, "another's": f"{began}.{other}", "nobody's": f"{began}.x"}
    refused = posting.post(cookie=f"{name}={value[change]}")
    assert (refused.status_code, refused.text) == (400, "Somebody else has signed in meanwhile")
    assert signed_in.shop.connected == []


def test_a_posted_answer_comes_too_late_for_who_has_signed_out_meanwhile(signed_in):
    posting = connecting(signed_in)
    left = {"cookie": signed_in.session, **OWN}
    assert signed_in.client.post("/logout", headers=left).status_code == 303
    assert posting.post().status_code == 400
    assert signed_in.shop.connected == []


BYE = {"end_session_url": "https://id.acme.example/bye"}


def hint_in(answer):
    lines = answer.headers.get_list("set-cookie")
    return next((line for line in lines if line.startswith("__Secure-hp_hint=")), None)


def test_a_provider_that_wants_the_id_token_of_who_signs_out_has_it(make_shop, browse):
    browser = browse(make_shop(facts=BYE, logout=True, hint=True))
    line = hint_in(browser.sign_in())
    token = line.partition("=")[2].partition(";")[0]
    assert token.count(".") == 2
    words = ("; Path=/logout;", "; Secure;", "; HttpOnly;", "; SameSite=Lax")
    assert all(word in line for word in words), "it is sent to that one path"
    left = browser.client.post("/logout", headers=OWN)
    asked = dict(parse_qsl(urlsplit(left.headers["location"]).query))
    assert asked["id_token_hint"] == token
    assert "Max-Age=0" in hint_in(left)


def test_a_hint_of_somebody_else_or_of_nobody_is_not_passed_on(make_shop, browse):
    shop = make_shop(facts=BYE, logout=True, hint=True)
    of_bob = hint_in(browse(shop).sign_in(login_hint="bob")).partition(";")[0]
    for held in (of_bob, "__Secure-hp_hint=a.b.c", "__Secure-hp_hint=x", f"{of_bob}; {of_bob}"):
        browser = browse(shop)
        browser.sign_in()
        session = f"__Host-hp_session={browser.client.cookies['__Host-hp_session']}"
        browser.client.cookies.clear()
        left = browser.client.post("/logout", headers={**OWN, "cookie": f"{session}; {held}"})
        assert "id_token_hint" not in left.headers["location"]
        assert left.headers["location"].startswith("https://id.acme.example/bye?client_id")


def test_an_id_token_is_kept_only_where_it_is_wanted_and_fits(make_shop, browse, issuer):
    assert hint_in(browse(make_shop(facts=BYE, logout=True)).sign_in()) is None
    issuer.changes = {"groups": ["x" * 4000]}
    assert hint_in(browse(make_shop(facts=BYE, logout=True, hint=True)).sign_in()) is None
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.id_token_hint"):
        make_shop(facts=BYE, hint=True)


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
