"""Signing in and connecting, and whoever would have somebody else do it for them."""

import asyncio
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest

from hardpoint.core.errors import (
    ClientRefusedError,
    ConfigurationError,
    FlowError,
    InvalidTokenError,
    TokenEndpointError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.catalogue import Client, Pkce
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.flow import Authority, FlowFinished, FlowKind, FlowRefused
from hardpoint.oauth.flows import FLOWS_MAX, Flows
from hardpoint.oauth.identity import Identity
from hardpoint.oauth.jwks import KeyCache
from hardpoint.oauth.jwt import Expected
from hardpoint.oauth.openid import OpenIdentity
from hardpoint.runtime.blocking import run
from hardpoint.testing.identity_store import MemoryIdentityStore

ISSUER = "https://id.acme.example"
BACK = "https://shop.example/auth/callback/"


@pytest.fixture
def store():
    return MemoryIdentityStore()


@pytest.fixture
def authority(provider, issuer, clock, entry):
    class Keys:
        async def get(self, url):
            return Response(status=200, headers={}, body=issuer.jwks_bytes())

    def authority(name="acme", *, reads=True, redirect_uri=None, **facts):
        facts = {
            "issuer": ISSUER,
            "jwks_url": f"{ISSUER}/keys",
            "scopes": ("openid", "email"),
            **facts,
        }
        client = Client(
            entry=entry(name=name, **facts),
            client_id="client-1",
            client_secret=Secret.value("canary-client-secret"),
            redirect_uri=redirect_uri or BACK + name,
        )
        keys = KeyCache(Keys(), clock, asyncio.Lock)
        expected = Expected(issuer=ISSUER, audience="client-1")
        return Authority(
            endpoint=TokenEndpoint(provider, client, clock),
            identify=OpenIdentity(expected, f"{ISSUER}/keys", keys, clock) if reads else None,
        )

    return authority


@pytest.fixture
def flows(store, clock, authority):
    def flows(**facts):
        return Flows(
            store,
            clock,
            login={"acme": authority(**facts), "other": authority("other")},
            connect={"acme": authority(**facts)},
        )

    return flows


def asked_of(begun):
    return dict(parse_qsl(urlsplit(begun.url).query, strict_parsing=True))


def reason_of(outcome):
    with pytest.raises(FlowError) as caught:
        run(outcome)
    return caught.value.reason


def begin(flows, kind=FlowKind.LOGIN, **facts):
    facts = facts if kind is FlowKind.LOGIN else {"user": "ada", **facts}
    return run(flows.begin(kind, "acme", **facts))


def finish(flows, query, held, provider="acme", user=None):
    return flows.finish(provider, query, held=held, user=user)


# The way there


def test_a_browser_is_sent_with_state_nonce_and_the_challenge_of_a_secret(flows):
    begun = begin(flows(authorize_params={"audience": "api"}), hint="ada@acme.example", age_max=60)
    asked = asked_of(begun)
    assert begun.url.startswith("https://acme.example/oauth/authorize?")
    assert (asked["response_type"], asked["client_id"]) == ("code", "client-1")
    assert asked["redirect_uri"] == "https://shop.example/auth/callback/acme"
    assert asked["scope"] == "openid email"
    assert (asked["login_hint"], asked["max_age"], asked["audience"]) == (
        "ada@acme.example",
        "60",
        "api",
    )
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], begun.held}) == 4
    assert all(len(asked[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert begun.held not in begun.url
    assert begun.held not in repr(begun)


def test_no_parameter_of_the_entry_replaces_one_of_ours(flows):
    hostile = {"state": "known", "redirect_uri": "https://evil.example", "response_type": "token"}
    asked = asked_of(begin(flows(authorize_params=hostile)))
    assert asked["state"] != "known"
    assert (asked["redirect_uri"], asked["response_type"]) == (BACK + "acme", "code")


def test_a_provider_without_pkce_or_openid_is_asked_in_its_own_way(flows):
    made = flows(
        issuer=None,
        jwks_url=None,
        pkce=Pkce.NONE,
        scope_separator=",",
        authorize_url="https://acme.example/authorize?v=2",
    )
    begun = begin(made)
    assert begun.url.startswith("https://acme.example/authorize?v=2&")
    asked = asked_of(begun)
    assert not {"nonce", "code_challenge", "max_age", "login_hint"} & asked.keys()
    assert asked["scope"] == "openid,email"


def test_more_scopes_may_be_asked_for_and_there_may_be_none(flows):
    assert asked_of(begin(flows(), scopes=["x", "email"]))["scope"] == "openid email x"
    assert "scope" not in asked_of(begin(flows(scopes=())))


def test_nothing_that_is_kept_or_held_alone_tells_the_verifier(flows, store, provider):
    begun = begin(flows())
    (flow,) = store._flows.values()
    verifier = flow.verifier(begun.held)
    kept = msgspec.json.encode(msgspec.structs.asdict(flow) | {"salt": flow.salt.hex()}).decode()
    for secret in (verifier, begun.held, asked_of(begun)["state"], asked_of(begun)["nonce"]):
        assert secret not in kept
    assert flow.verifier("x" * 43) != verifier


# And back


def test_a_person_signs_in(flows, provider):
    made = flows()
    begun = begin(made, return_to="/orders?page=2")
    done = run(finish(made, provider.visit(begun.url), begun.held))
    assert (done.kind, done.provider, done.return_to) == (FlowKind.LOGIN, "acme", "/orders?page=2")
    assert done.identity.key == (ISSUER, "user-1")
    assert (done.account, done.user, done.connection, done.missing) == ("user-1", None, None, ())
    assert done.tokens.access.reveal() == "canary-access"
    assert "canary" not in repr(done)
    assert "user-1" not in repr(done)


def test_a_user_connects_an_account(flows, provider):
    made = flows()
    begun = begin(made, FlowKind.CONNECT, scopes=["calendar"])
    done = run(finish(made, provider.visit(begun.url), begun.held, user="ada"))
    assert (done.kind, done.user, done.account) == (FlowKind.CONNECT, "ada", "user-1")


@pytest.mark.parametrize("kind", [FlowKind.UPGRADE, FlowKind.RECONNECT])
def test_a_connection_is_renewed_by_the_same_account_only(flows, provider, kind):
    made = flows()
    for account, same in (("user-1", True), ("user-2", False)):
        begun = begin(made, kind, connection="c-1", account=account)
        outcome = finish(made, provider.visit(begun.url), begun.held, user="ada")
        if same:
            assert run(outcome).connection == "c-1"
        else:
            assert reason_of(outcome) == "other_account"


def test_a_provider_that_tells_nothing_of_the_person_connects_all_the_same(
    store, clock, authority, provider
):
    made = Flows(store, clock, login={}, connect={"acme": authority(reads=False, issuer=None)})
    begun = begin(made, FlowKind.CONNECT)
    done = run(finish(made, provider.visit(begun.url), begun.held, user="ada"))
    assert (done.identity, done.account) == (None, None)


@pytest.mark.parametrize(
    ("field", "account"),
    [
        ("team.id", "T1"),
        ("team", "user-1"),
        ("team.id.x", "user-1"),
        ("number", "7"),
        ("flag", "user-1"),
    ],
)
def test_the_answer_may_name_the_account(flows, provider, field, account):
    made = flows(account_field=field)
    provider.more = {"team": {"id": "T1"}, "number": 7, "flag": True}
    begun = begin(made, FlowKind.CONNECT)
    done = run(finish(made, provider.visit(begun.url), begun.held, user="ada"))
    assert done.account == account


def test_scopes_that_the_user_unticked_are_told(flows, provider):
    made = flows()
    provider.more = {"scope": "openid email"}
    begun = begin(made, FlowKind.CONNECT, scopes=["calendar"])
    done = run(finish(made, provider.visit(begun.url), begun.held, user="ada"))
    assert done.missing == ("calendar",)


# Attacks on the flow (RFC 9700, 4)


def test_an_attackers_code_and_state_do_not_work_in_the_victims_browser(flows, provider):
    made = flows()
    attacker, victim = begin(made), begin(made)
    query = provider.visit(attacker.url)
    assert reason_of(finish(made, query, victim.held)) == "other_browser"
    assert reason_of(finish(made, query, None)) == "other_browser"
    assert provider.sent == []


def test_an_attackers_account_is_not_connected_to_the_victim(flows, provider):
    made = flows()
    begun = begin(made, FlowKind.CONNECT, user="mallory")
    query = provider.visit(begun.url)
    assert reason_of(finish(made, query, begun.held, user="ada")) == "other_user"
    assert reason_of(finish(made, query, begun.held, user=None)) == "other_user"
    assert provider.sent == []


def test_a_state_works_once_however_often_the_callback_is_clicked(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    run(finish(made, query, begun.held))
    assert reason_of(finish(made, query, begun.held)) == "unknown_state"
    assert len(provider.sent) == 1


def test_of_two_callbacks_at_once_one_wins(flows, store, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    found = store.find_flow
    (key,) = store._flows

    async def after_another(asked):
        flow = await found(asked)
        await store.take_flow(key)
        return flow

    store.find_flow = after_another
    assert reason_of(finish(made, query, begun.held)) == "unknown_state"
    assert provider.sent == []


def test_a_state_expires(flows, provider, clock):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    clock.advance(600)
    assert reason_of(finish(made, query, begun.held)) == "unknown_state"


@pytest.mark.parametrize("state", [None, "", "x" * 43, "\ud800", "é"])
def test_a_state_that_we_did_not_make_is_unknown(flows, state):
    made = flows()
    begun = begin(made)
    query = [("code", "c")] + ([] if state is None else [("state", state)])
    assert reason_of(finish(made, query, begun.held)) == "unknown_state"


def test_a_state_of_another_provider_is_refused(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    assert reason_of(finish(made, query, begun.held, provider="other")) == "other_provider"
    assert reason_of(finish(made, query, begun.held, provider="nobody")) == "other_provider"


def test_several_tabs_each_have_a_flow_of_their_own(flows, provider):
    made = flows()
    first = begin(made, return_to="/a")
    second = begin(made, held=first.held, return_to="/b")
    assert first.held == second.held
    assert run(finish(made, provider.visit(second.url), first.held)).return_to == "/b"
    assert run(finish(made, provider.visit(first.url), first.held)).return_to == "/a"


def test_one_browser_has_so_many_flows_and_no_more(flows, store, provider):
    made = flows()
    first = begin(made)
    other = begin(made)
    for _ in range(FLOWS_MAX):
        begin(made, held=first.held)
    assert len(store._flows) == FLOWS_MAX + 1
    assert reason_of(finish(made, provider.visit(first.url), first.held)) == "unknown_state"
    assert run(finish(made, provider.visit(other.url), other.held)).kind is FlowKind.LOGIN


def test_what_a_browser_claims_to_hold_is_taken_only_in_our_own_shape(flows):
    assert begin(flows(), held="short").held != "short"


@pytest.mark.parametrize(
    "said",
    [
        "https://evil.example",
        "https://id.acme.example/",
        "HTTPS://ID.ACME.EXAMPLE",
        "https://id.acme.example\n",
        "",
    ],
)
def test_an_answer_of_another_provider_is_refused_before_its_code_is_sent(flows, provider, said):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url, iss=said)
    assert reason_of(finish(made, query, begun.held)) == "issuer"
    assert provider.sent == []


def test_a_provider_that_always_names_itself_has_to(flows, provider):
    made = flows(sends_iss=True, issuer_aliases=("id.acme.example",))
    for said, reason in ((None, "issuer"), (ISSUER, None), ("id.acme.example", None)):
        begun = begin(made)
        query = provider.visit(begun.url, **({} if said is None else {"iss": said}))
        if reason is None:
            assert run(finish(made, query, begun.held)).account == "user-1"
        else:
            assert reason_of(finish(made, query, begun.held)) == reason


def test_an_issuer_of_many_tenants_may_name_any_of_them(flows, provider):
    made = flows(issuer="https://login.example/{tid}/v2.0")
    for said in ("https://login.example/a/b/v2.0", "https://evil.example/t/v2.0", "/v2.0"):
        begun = begin(made)
        assert reason_of(finish(made, provider.visit(begun.url, iss=said), begun.held)) == "issuer"
    begun = begin(made)
    query = provider.visit(begun.url, iss="https://login.example/t-1/v2.0")
    assert run(finish(made, query, begun.held)).account == "user-1"


def test_a_parameter_that_stands_twice_is_refused(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    for name in ("state", "code", "iss", "error"):
        twice = [*query, (name, "x"), (name, "y")]
        assert reason_of(finish(made, twice, begun.held)) == "repeated_parameter"
    long = [*query, ("x", "y" * 8193)]
    assert reason_of(finish(made, long, begun.held)) == "too_long"
    assert run(finish(made, query, begun.held)).account == "user-1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", "access_denied"),
        ("<script>alert(1)</script>", "provider_error"),
        ("A" * 100, "provider_error"),
        ("a_word_of_theirs", "provider_error"),
        ("", "provider_error"),
    ],
)
def test_a_refusal_of_the_provider_ends_the_flow_and_shows_no_text_of_it(
    flows, provider, error, reason
):
    made = flows()
    begun = begin(made)
    state = asked_of(begun)["state"]
    query = [("state", state), ("error", error), ("error_description", "<b>x</b>"), ("code", "c")]
    with pytest.raises(FlowError) as caught:
        run(finish(made, query, begun.held))
    assert caught.value.reason == reason
    assert "<" not in str(caught.value)
    assert reason_of(finish(made, query, begun.held)) == "unknown_state"
    assert provider.sent == []


def test_an_answer_without_a_code_is_none(flows):
    made = flows()
    begun = begin(made)
    assert reason_of(finish(made, [("state", asked_of(begun)["state"])], begun.held)) == "no_code"


def test_a_code_of_another_flow_is_not_exchanged(flows, provider):
    """Code injection: the verifier belongs to the flow that began, and so does the nonce."""
    made = flows()
    victim, attacker = begin(made), begin(made)
    stolen = dict(provider.visit(victim.url))["code"]
    query = [("state", asked_of(attacker)["state"]), ("code", stolen)]
    assert reason_of(finish(made, query, attacker.held)) == "not_exchanged"


def test_where_pkce_is_not_heeded_the_nonce_still_tells_flows_apart(flows, provider):
    made = flows(pkce=Pkce.NONE)
    victim, attacker = begin(made), begin(made)
    stolen = dict(provider.visit(victim.url))["code"]
    query = [("state", asked_of(attacker)["state"]), ("code", stolen)]
    with pytest.raises(InvalidTokenError) as caught:
        run(finish(made, query, attacker.held))
    assert caught.value.reason == "nonce"


def test_a_client_that_the_provider_refuses_is_ours_to_mend(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    body = b'{"error": "invalid_client", "error_description": "canary-client-secret"}'
    provider.answer = Response(status=401, headers={}, body=body)
    with pytest.raises(ClientRefusedError) as caught:
        run(finish(made, query, begun.held))
    assert "canary" not in str(caught.value)
    assert "[oauth.acme] (invalid_client)" in str(caught.value)


def test_a_provider_that_is_away_refuses_nobody(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    provider.answer = Response(status=503, headers={}, body=b"")
    with pytest.raises(TokenEndpointError) as caught:
        run(finish(made, query, begun.held))
    assert caught.value.retryable


def test_what_an_answer_says_beside_its_code_is_kept_where_that_is_wanted(flows, provider):
    made = flows(callback_fields=("realmId",))
    begun = begin(made)
    query = [*provider.visit(begun.url), ("realmId", "7"), ("other", "8")]
    done = run(finish(made, query, begun.held))
    assert done.tokens.details["realmId"] == "7"
    assert "other" not in done.tokens.details


def test_an_answer_that_should_be_signed_and_is_not_uses_no_state_up(flows, provider):
    made = flows(callback_hmac="hmac")
    begun = begin(made)
    query = provider.visit(begun.url)
    for forged in ([], [("hmac", ""), ("x", "y")], [("hmac", "0" * 64)]):
        with pytest.raises(FlowError) as caught:
            run(finish(made, [*query, *forged], begun.held))
        assert caught.value.reason == "callback_hmac"
    signed = urlencode(sorted(query)).encode()
    said = hmac.digest(b"canary-client-secret", signed, "sha256").hex()
    assert run(finish(made, [*query, ("hmac", said)], begun.held)).provider == "acme"


def test_an_answer_without_an_id_token_signs_nobody_in(flows, provider):
    made = flows()
    begun = begin(made)
    query = provider.visit(begun.url)
    provider.answer = Response(status=200, headers={}, body=b'{"access_token": "a"}')
    with pytest.raises(InvalidTokenError) as caught:
        run(finish(made, query, begun.held))
    assert caught.value.reason == "missing"


def test_the_person_has_to_have_proved_who_they_are_when_that_was_asked(flows, provider, clock):
    made = flows()
    begun = begin(made, age_max=60)
    provider.changes = {"auth_time": clock.now() - 3600}
    with pytest.raises(InvalidTokenError) as caught:
        run(finish(made, provider.visit(begun.url), begun.held))
    assert caught.value.reason == "auth_time"


def test_listeners_are_told_how_flows_end_and_nothing_of_the_person(
    store, clock, authority, provider
):
    told = []
    made = Flows(
        store,
        clock,
        login={"acme": authority()},
        connect={},
        listeners=Listeners(told.append),
    )
    begun = begin(made)
    run(finish(made, provider.visit(begun.url), begun.held))
    reason_of(finish(made, [("state", "x")], begun.held))
    reason_of(finish(made, [], None, provider="<script>"))
    begun = begin(made)
    provider.answer = Response(status=401, headers={}, body=b'{"error": "invalid_client"}')
    with pytest.raises(ClientRefusedError):
        run(finish(made, provider.visit(begun.url), begun.held))
    assert told[:-1] == [
        FlowFinished(kind="login", provider="acme"),
        FlowRefused(provider="acme", reason="unknown_state"),
        FlowRefused(provider="", reason="unknown_state"),
    ]
    assert {one.severity for one in told[1:-1]} == {"info"}
    last = told[-1]
    assert (last.provider, last.reason, last.severity) == ("acme", "invalid_client", "warning")
    assert "ClientRefusedError" in last.error


def test_a_provider_that_refuses_our_client_reaches_the_log_though_nobody_listens(
    store, clock, authority, provider, caplog
):
    made = Flows(store, clock, login={"acme": authority()}, connect={})
    begun = begin(made)
    reason_of(finish(made, [("state", "x")], begun.held))
    provider.answer = Response(status=401, headers={}, body=b'{"error": "invalid_client"}')
    with pytest.raises(ClientRefusedError):
        run(finish(made, provider.visit(begun.url), begun.held))
    assert [record.event for record in caplog.records] == ["flow_refused"]
    assert "reason=invalid_client" in caplog.text


def test_the_same_subject_of_two_issuers_is_two_people():
    one, other = (Identity(issuer=f"https://{name}.example", subject="1") for name in "ab")
    assert one.key != other.key


# Bad input


def test_an_unknown_provider_is_refused_by_name(flows):
    made = flows()
    for kind, name in (
        (FlowKind.LOGIN, "nobody"),
        (FlowKind.CONNECT, "other"),
        (FlowKind.LOGIN, "../acme"),
    ):
        assert reason_of(made.begin(kind, name, user="ada")) == "unknown_provider"


def test_a_connection_is_made_by_somebody_and_renewed_by_name(flows):
    made = flows()
    assert reason_of(made.begin(FlowKind.CONNECT, "acme")) == "not_signed_in"
    assert reason_of(made.begin(FlowKind.UPGRADE, "acme", user="ada")) == "connection"


def test_a_place_to_return_to_that_leads_elsewhere_is_refused_before_anything_is_kept(flows, store):
    assert (
        reason_of(flows().begin(FlowKind.LOGIN, "acme", return_to="//evil.example")) == "return_to"
    )
    assert store._flows == {}


def test_a_set_up_that_mixes_providers_up_is_refused(store, clock, authority):
    one = authority("one", redirect_uri=f"{BACK}same")
    two = authority("two", redirect_uri=f"{BACK}same")
    with pytest.raises(ConfigurationError, match="is that of one too"):
        Flows(store, clock, login={"one": one}, connect={"two": two})
    Flows(store, clock, login={"one": one}, connect={"one": one})
    with pytest.raises(ConfigurationError, match="cannot tell who signs in"):
        Flows(store, clock, login={"one": authority(reads=False)}, connect={})


def test_a_provider_needs_a_redirect_uri(provider, clock, entry):
    client = Client(entry=entry(), client_id="us", client_secret=Secret.value("s"))
    with pytest.raises(ConfigurationError, match="redirect_uri"):
        Authority(endpoint=TokenEndpoint(provider, client, clock))
