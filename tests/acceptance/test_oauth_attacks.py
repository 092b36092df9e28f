"""Signing in and connecting, attacked at two providers that nobody of us has written.

One application knows both; each browser holds its own cookies. What an attacker has is named in
each test: a link, a stolen code, a page of their own, a provider of their own.
"""

import asyncio
import json
import re
import time
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.testclient import TestClient
from tests.oidc_peers import peer

from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.accounts import Accounts
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.openid import OpenIdentity

SHOP = "https://shop.example"
KEYRING = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PEERS = ("certified", "authlib")
AUTHS = ("basic", "post", "public", "key")
KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "shop-1"})
EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Notices:
    """Where the certified provider sends its notices of sign-outs."""

    name = "notices"

    def __init__(self):
        self.tokens = []

    def answer(self, request):
        self.tokens.append(dict(parse_qsl(request.body.decode()))["logout_token"])
        return FakeReply()


@pytest.fixture(scope="module")
def world():
    """Both providers, and what the certified one tells of people who sign out there."""
    names = [*PEERS, *(f"{name}-{auth}" for name in PEERS for auth in AUTHS)]
    told = {"redirect_uris": [f"{SHOP}/auth/callback/{name}" for name in names]}
    told["key"] = KEY.as_dict(private=False)
    notices = Notices()
    with ExitStack() as stack:
        server = stack.enter_context(FakeServer(notices))
        told["notices"] = f"{server.url}/notices"
        issuers = {name: stack.enter_context(peer(name, **told)) for name in PEERS}
        yield issuers, notices


@pytest.fixture(scope="module")
def issuers(world):
    return world[0]


def registration(name, issuer, client="shop", **facts):
    return OAuthSettings(
        **{
            "name": name,
            "issuer": issuer,
            "client_id": client,
            "client_secret": Secret.value("shop-secret"),
            **facts,
        }
    )


class Site:
    """The application behind a proxy that speaks plain http to it."""

    def __init__(self, folder, registrations, file=None):
        self.accounts = Accounts(
            folder / "vault.db",
            Keyring(Secret.value(KEYRING)),
            registrations,
            public_url=SHOP,
            file=file,
        )
        self.people = {}
        self.signin = SignIn(self.accounts, on_login=self.get_or_create)
        self.app = FastAPI(lifespan=self.lifespan)
        self.app.router.routes.extend(self.signin.routes())
        self.app.get("/me")(self.signin.user)
        self.main = TestClient(self.app, base_url=SHOP, follow_redirects=False)
        self.opened = ExitStack()

    def __enter__(self):
        self.opened.enter_context(self.main)
        return self

    def __exit__(self, *_):
        self.opened.close()

    @asynccontextmanager
    async def lifespan(self, _):
        async with self.accounts:
            yield

    def get_or_create(self, identity):
        return self.people.setdefault(identity.key, f"user-{len(self.people) + 1}")

    def browser(self):
        return Browser(self)

    def vault(self, verb, *names, **facts):
        vault = self.accounts.vault
        return self.main.portal.call(partial(getattr(vault, verb), *names, **facts))


class Browser:
    """Holds the cookies of the site, and of the providers."""

    def __init__(self, site):
        self.site = site
        self.cookies = {}
        client = httpx2.Client(follow_redirects=False)
        self.there = site.opened.enter_context(client)

    def ask(self, method, path, headers=(), **options):
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"cookie": held} if held else {}), **dict(headers)}
        self.site.main.cookies.clear()
        answer = self.site.main.request(method, path, headers=sent, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    def begin(self, name, path="login", **params):
        """To the provider: the address that the site sends this browser to."""
        at = httpx2.URL(self.ask("GET", f"/{path}/{name}").headers["location"])
        return at.copy_merge_params(params)

    def agree(self, at):
        """At the provider: say yes, as whom `login_hint` names; gives what it sends back with."""
        while not str(at).startswith(SHOP):
            at = at.join(self.there.get(at).headers["location"])
        return urlsplit(str(at)).path, dict(parse_qsl(urlsplit(str(at)).query))

    def back(self, path, query, **options):
        return self.ask("GET", f"{path}?{urlencode(query)}", **options)

    def sign_in(self, name, path="login", **params):
        return self.back(*self.agree(self.begin(name, path, **params)))

    def user(self):
        answer = self.ask("GET", "/me")
        return answer.json() if answer.status_code == 200 else None


@pytest.fixture(scope="module")
def make_site():
    """The vault is a file in the folder."""
    return Site


@pytest.fixture(scope="module")
def site(tmp_path_factory, issuers, make_site):
    """For all tests: each has browsers of its own."""
    registrations = [registration(name, at) for name, at in issuers.items()]
    with make_site(tmp_path_factory.mktemp("site"), registrations) as site:
        yield site


@pytest.fixture
def victim(site):
    return site.browser()


@pytest.fixture
def attacker(site):
    return site.browser()


def counts(issuer):
    return httpx2.get(f"{issuer}/-/counts").json()


@pytest.mark.parametrize("name", PEERS)
def test_state_fixation_a_link_with_an_attackers_answer_signs_nobody_in(victim, attacker, name):
    """The attacker signs in as themselves, keeps the answer, and sends it to the victim."""
    path, answer = attacker.agree(attacker.begin(name, login_hint="mallory"))
    refused = victim.back(path, answer)
    assert (refused.status_code, refused.text) == (400, "This sign-in began in another browser")
    victim.begin(name)  # with a flow of their own under way it is no better
    assert victim.back(path, answer).status_code == 400
    tossed = {"cookie": f"hp_flow={attacker.cookies['__Host-hp_flow']}"}
    assert victim.ask("GET", f"{path}?{urlencode(answer)}", headers=tossed).status_code == 400
    assert (victim.user(), attacker.user()) == (None, None)
    assert attacker.back(path, answer).status_code == 303, "and it was not used up"


@pytest.mark.parametrize("name", PEERS)
def test_connect_fixation_an_attackers_account_is_not_connected_for_a_victim(
    site, victim, attacker, name
):
    victim.sign_in(name)
    attacker.sign_in(name, login_hint="mallory")
    path, answer = attacker.agree(attacker.begin(name, "connect", login_hint="mallory"))
    assert victim.back(path, answer).status_code == 400
    user = victim.user()
    assert site.vault("connections", tenant=user) == ()


@pytest.mark.parametrize("name", PEERS)
def test_code_injection_a_stolen_code_does_not_fit_another_flow(victim, attacker, name):
    """The attacker has the victim's code, and a state and browser of their own."""
    path, stolen = victim.agree(victim.begin(name))
    _, own = attacker.agree(attacker.begin(name, login_hint="mallory"))
    injected = attacker.back(path, {**own, "code": stolen["code"]})
    assert injected.status_code == 400
    assert injected.text == "The provider gave no tokens for the code"
    assert attacker.user() is None


@pytest.mark.parametrize("name", PEERS)
def test_code_injection_without_the_state_or_with_another_one_is_refused(victim, attacker, name):
    path, stolen = victim.agree(victim.begin(name))
    for state in ("", "x" * 43, None):
        query = {**stolen, "state": state} if state is not None else {"code": stolen["code"]}
        assert attacker.back(path, query).status_code == 400
    assert victim.back(path, stolen).status_code == 303


@pytest.mark.parametrize("name", PEERS)
def test_callback_replay_an_answer_works_once_even_where_it_failed(victim, name):
    path, answer = victim.agree(victim.begin(name))
    assert victim.back(path, answer).status_code == 303
    held = dict(victim.cookies)
    replayed = victim.back(path, answer)
    assert (replayed.status_code, replayed.text) == (400, "This sign-in has ended or expired")
    assert victim.cookies == held, "the session that there is stays as it is"
    path, answer = victim.agree(victim.begin(name))
    assert victim.back(path, {**answer, "code": "wrong"}).status_code == 400
    assert victim.back(path, answer).status_code == 400, "the state is used up"


@pytest.mark.parametrize(("theirs", "ours"), [PEERS, PEERS[::-1]])
def test_mix_up_a_code_of_one_provider_never_reaches_the_other(issuers, victim, theirs, ours):
    """The victim chose the attacker's provider, which sends them on to an honest one."""
    before = counts(issuers[theirs]).get("/token", 0)
    begun = victim.begin(theirs)
    asked = dict(begun.params)
    honest = httpx2.URL(victim.begin(ours)).copy_merge_params({"state": asked["state"]})
    path, answer = victim.agree(honest)
    assert path == f"/auth/callback/{ours}", "each provider has a callback of its own"
    refused = victim.back(path, answer)
    assert (refused.status_code, refused.text) == (400, "This sign-in began at another provider")
    for said in (answer["iss"], None, issuers[ours] + "/", "https://evil.example"):
        moved = {key: value for key, value in {**answer, "iss": said}.items() if value}
        sent = victim.back(f"/auth/callback/{theirs}", moved)
        assert (sent.status_code, sent.text) == (400, "The answer comes from another provider")
    assert counts(issuers[theirs]).get("/token", 0) == before, "its token endpoint saw no code"


@pytest.mark.parametrize("name", PEERS)
def test_mix_up_an_answer_that_names_no_issuer_or_two_is_refused(issuers, victim, name):
    path, answer = victim.agree(victim.begin(name))
    assert answer["iss"] == issuers[name]
    without = {key: value for key, value in answer.items() if key != "iss"}
    assert victim.back(path, without).status_code == 400
    twice = f"{path}?{urlencode(answer)}&{urlencode({'iss': issuers[name]})}"
    assert victim.ask("GET", twice).status_code == 400
    assert victim.back(path, answer).status_code == 303


def test_a_challenge_that_was_stripped_on_the_way_gives_no_session(victim):
    """Whoever changes the request on its way takes PKCE out; certified says no at once."""
    begun = victim.begin("certified")
    kept = {key: value for key, value in begun.params.items() if "challenge" not in key}
    path, answer = victim.agree(begun.copy_with(params=kept))
    assert answer["error"] == "invalid_request"
    assert victim.back(path, answer).status_code == 400
    assert victim.user() is None


LOGOUTS = {
    "form": {"origin": "https://evil.example"},
    "fetch": {"sec-fetch-site": "cross-site"},
    "sibling": {"sec-fetch-site": "same-site", "origin": "https://blog.shop.example"},
    "sandboxed": {"origin": "null"},
    "silent": {},
}


def test_logout_csrf_another_site_signs_nobody_out(victim):
    victim.sign_in("authlib")
    for name, headers in LOGOUTS.items():
        assert victim.ask("POST", "/logout", headers=headers).status_code == 403, name
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert victim.ask(method, "/logout").status_code == 405
    assert victim.user() is not None


@pytest.mark.parametrize("name", PEERS)
def test_logout_csrf_a_forged_notice_signs_nobody_out(issuers, victim, attacker, name, monkeypatch):
    """The attacker may post whatever they like to the back channel, and has tokens of their own."""
    captured = []
    identify = OpenIdentity.__call__

    async def listening(self, tokens, asked):
        captured.append(tokens.id_token.reveal())
        return await identify(self, tokens, asked)

    with monkeypatch.context() as patch:
        patch.setattr(OpenIdentity, "__call__", listening)
        victim.sign_in(name)
    own = ECKey.generate_key("P-256", {"kid": "evil"})
    claims = {"iss": issuers[name], "aud": "shop", "iat": 1, "exp": 2**40, "jti": "1", "sub": "ada"}
    claims["events"] = {EVENT: {}}
    kid = json.loads(httpx2.get(f"{issuers[name]}/jwks").text)["keys"][0]["kid"]
    forged = [
        captured[0],
        "",
        "e30.e30.",
        jwt.encode({"alg": "ES256", "kid": "evil"}, claims, own, ["ES256"]),
        jwt.encode({"alg": "ES256", "kid": kid}, claims, own, ["ES256"]),
    ]
    for token in forged:
        sent = attacker.ask("POST", f"/auth/logout/{name}", data={"logout_token": token})
        assert (sent.status_code, sent.json()) == (400, {"error": "invalid_request"})
    assert victim.user() is not None


def test_a_person_signs_out_at_the_provider_and_is_signed_out_here(world, victim, attacker):
    issuers, notices = world
    victim.sign_in("certified")
    attacker.sign_in("certified", login_hint="bob")
    page = victim.there.get(f"{issuers['certified']}/session/end?client_id=shop")
    secret = re.search(r'name="xsrf" value="([0-9a-f]+)"', page.text)[1]
    notices.tokens.clear()
    victim.there.post(
        f"{issuers['certified']}/session/end/confirm", data={"xsrf": secret, "logout": "yes"}
    )
    (token,) = notices.tokens
    sent = attacker.ask("POST", "/auth/logout/certified", data={"logout_token": token})
    assert sent.status_code == 200
    assert victim.user() is None
    assert attacker.user() is not None
    other = attacker.ask("POST", "/auth/logout/authlib", data={"logout_token": token})
    assert other.status_code == 400, "one provider's notice is not another's"


FORGED = (
    {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
    {"forwarded": 'for=1.2.3.4;host="evil.example";proto=http'},
    {"host": "10.0.0.5:8000", "x-forwarded-for": "10.0.0.1"},
    {"x-forwarded-prefix": "//evil.example", "x-original-host": "evil.example"},
)


def test_cookies_behind_a_proxy_are_this_hosts_alone_whatever_it_says(site, monkeypatch):
    """The proxy speaks plain http to the application, under an inner name."""
    monkeypatch.setattr(site.main, "base_url", "http://10.0.0.5:8000")
    for headers in FORGED:
        behind_a_proxy(site.browser(), headers)


def behind_a_proxy(victim, headers):
    begun = victim.ask("GET", "/login/authlib", headers=headers)
    assert victim.cookies.keys() == {"__Host-hp_flow"}
    asked = dict(httpx2.URL(begun.headers["location"]).params)
    assert asked["redirect_uri"] == f"{SHOP}/auth/callback/authlib"
    path, answer = victim.agree(httpx2.URL(begun.headers["location"]))
    done = victim.back(path, answer, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert "Secure; HttpOnly; SameSite=Lax" in done.headers["set-cookie"]
    assert victim.user() is not None
    held = victim.cookies["__Host-hp_session"]
    for doubled in (f"__Host-hp_session=x; __Host-hp_session={held}", f"hp_session={held}"):
        assert victim.ask("GET", "/me", headers={"cookie": doubled}).status_code == 401


@pytest.mark.parametrize("name", PEERS)
def test_a_flood_of_unknown_keys_makes_us_ask_the_issuer_once(issuers, victim, attacker, name):
    victim.sign_in(name)
    before = counts(issuers[name])["/jwks"]
    own = ECKey.generate_key("P-256")
    algorithm = {"alg": "ES256"}
    for number in range(30):
        kid = {"kid": f"flood-{number}"}
        token = jwt.encode({**algorithm, **kid}, {"iss": issuers[name]}, own, ["ES256"])
        token = token if number % 2 else token.replace(token.split(".")[0], _header(kid["kid"]))
        sent = attacker.ask("POST", f"/auth/logout/{name}", data={"logout_token": token})
        assert sent.status_code == 400
    assert counts(issuers[name])["/jwks"] - before <= 1
    assert victim.sign_in(name).status_code == 303, "and people sign in meanwhile"


def _header(kid):
    """Of a token that says it is signed as the issuer's are."""
    text = jwt.encode({"alg": "RS256", "kid": kid}, {}, KEY, ["RS256"])
    return text.split(".")[0]


CLIENTS = {
    "basic": {},
    "post": {"client": "shop-post", "client_auth": "client_secret_post"},
    "public": {"client": "shop-public", "client_secret": None},
    "key": {
        "client": "shop-key",
        "client_secret": None,
        "client_key": Secret.value(KEY.as_pem(private=True).decode()),
        "client_key_id": "shop-1",
    },
}


@pytest.mark.parametrize("name", PEERS)
def test_each_way_of_proving_a_client_signs_in_refreshes_and_gives_back(
    tmp_path, issuers, name, make_site
):
    site = make_site(
        tmp_path,
        [
            registration(
                f"{name}-{auth}",
                issuers[name],
                scopes=("offline_access",),
                authorize_params={"prompt": "consent"},
                **CLIENTS[auth],
            )
            for auth in AUTHS
        ],
    )
    with site:
        browser = site.browser()
        assert browser.sign_in(f"{name}-key").status_code == 303
        user = browser.user()
        for auth in AUTHS:
            own = f"{name}-{auth}"
            assert browser.sign_in(own, "connect").status_code == 303, auth
            assert site.vault("refresh", own, tenant=user).version == 2, auth
            assert site.vault("disconnect", own, tenant=user), auth


def test_a_client_that_proves_nothing_or_something_else_is_refused(tmp_path, issuers, make_site):
    other = RSAKey.generate_key(2048).as_pem(private=True).decode()
    wrong = {
        "certified-basic": {"client_secret": Secret.value("guess")},
        "certified-post": {**CLIENTS["post"], "client_secret": Secret.value("guess")},
        "certified-public": {"client_secret": None},
        "certified-key": {**CLIENTS["key"], "client_key": Secret.value(other)},
    }
    facts = [registration(name, issuers["certified"], **one) for name, one in wrong.items()]
    site = make_site(tmp_path, facts)
    with site:
        for name in wrong:
            refused = site.browser().sign_in(name)
            assert (refused.status_code, "refuses this site" in refused.text) == (502, True), name


def test_an_answer_that_the_certified_provider_posts_signs_in_and_works_once(
    tmp_path, issuers, make_site
):
    posting = {"traits": {"response_mode": "form_post"}}
    with make_site(
        tmp_path, [registration("certified-basic", issuers["certified"], **posting)]
    ) as site:
        victim, attacker = site.browser(), site.browser()
        path, fields = posted_by(victim, victim.begin("certified-basic"))
        assert victim.cookies.keys() == {"__Host-hp_posted"}, "the one that comes with a form"
        assert attacker.ask("POST", path, data=fields).status_code == 400
        assert victim.back(path, fields).status_code == 400, "it is not taken from an address"
        assert victim.ask("POST", path, data=fields).status_code == 303
        assert victim.ask("POST", path, data=fields).status_code == 400
        assert victim.user() == "user-1"
        # The same for an account: the form comes without the session's cookie, and names it.
        path, fields = posted_by(victim, victim.begin("certified-basic", "connect"))
        alone = {"cookie": f"__Host-hp_posted={victim.cookies['__Host-hp_posted']}"}
        assert attacker.ask("POST", path, data=fields).status_code == 400
        assert victim.ask("POST", path, headers=alone, data=fields).status_code == 303
        assert site.vault("status", "certified-basic", tenant="user-1").state.value == "active"


def posted_by(browser, at):
    """What the provider's page would post: where to, and its fields."""
    while (page := browser.there.get(at)).is_redirect:
        at = at.join(page.headers["location"])
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    return urlsplit(re.search(r'action="([^"]+)"', page.text)[1]).path, fields


def test_the_certified_provider_takes_the_hint_of_who_signs_out(tmp_path, issuers, make_site):
    facts = {"logout": True, "id_token_hint": True}
    with make_site(
        tmp_path, [registration("certified-basic", issuers["certified"], **facts)]
    ) as site:
        person = site.browser()
        person.sign_in("certified-basic")
        assert set(person.cookies) == {
            "__Host-hp_flow",
            "__Host-hp_session",
            "__Secure-hp_hint",
        }
        left = person.ask("POST", "/logout", headers={"sec-fetch-site": "same-origin"})
        there = httpx2.URL(left.headers["location"])
        assert there.params["id_token_hint"].count(".") == 2
        page = person.there.get(there)
        assert page.status_code == 200
        forged = there.copy_set_param("id_token_hint", "e30.e30.e30")
        assert person.there.get(forged).status_code == 400, "it does look at it"
        secret = re.search(r'name="xsrf" value="([0-9a-f]+)"', page.text)[1]
        done = person.there.post(
            f"{issuers['certified']}/session/end/confirm", data={"xsrf": secret, "logout": "yes"}
        )
        assert done.headers["location"] == f"{SHOP}/"
        assert "__Secure-hp_hint" not in person.cookies


class Hasty:
    """The machine's clock, by which nobody who sleeps waits."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    pause = staticmethod(time.sleep)

    async def sleep(self, seconds):
        assert seconds == 5.0, "as often as RFC 8628 has it, where the provider says nothing"


def test_tokens_for_ourselves_and_by_a_device_come_from_the_certified_provider(tmp_path, issuers):
    issuer = issuers["certified"]
    registrations = [
        registration("robot", issuer, "robot", grant="client_credentials"),
        registration("tv", issuer, "robot", scopes=("offline_access",), login=False),
    ]
    shown = []

    def enter(code):
        """The person opens the page elsewhere, and agrees."""
        shown.append(code)
        with httpx2.Client(follow_redirects=True) as browser:
            page = browser.get(code.url_complete)
            for _ in range(3):
                fields = dict(
                    re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
                )
                action = re.search(r'action="([^"]+)"', page.text)
                if action is None:
                    break
                page = browser.post(
                    httpx2.URL(issuer).join(action[1]), data={**fields, "confirm": "yes"}
                )

    async def story():
        accounts = Accounts(
            tmp_path / "vault.db",
            Keyring(Secret.value(KEYRING)),
            registrations,
            public_url=SHOP,
            clock=Hasty(),
        )
        async with accounts:
            vault = accounts.vault
            first, again = await asyncio.gather(
                vault.access_token("robot"), vault.access_token("robot")
            )
            assert first.reveal() == again.reveal()
            assert (await vault.refresh("robot")).kind == "client"
            assert (await vault.access_token("robot")).reveal() != first.reveal()
            after = await accounts.connect_by_device("tv", tenant="ada", show=enter)
            assert after.state.value == "active"
            assert await vault.access_token("tv", tenant="ada")

    asyncio.run(story())
    assert shown[0].url == f"{issuer}/device"
