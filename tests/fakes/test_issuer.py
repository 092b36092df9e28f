import jwt
import pytest

from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.messages import Received

HERE = {"host": "127.0.0.1:1"}
AT = "http://127.0.0.1:1"


def get(issuer, target, **headers):
    return issuer.answer(Received(method="GET", target=target, headers=HERE | headers, body=b""))


@pytest.fixture
def issuer():
    return FakeIssuer(client_id="shop", client_secret="secret")


def sign_in(issuer, **params):
    query = "&".join(f"{name}={value}" for name, value in params.items())
    target = (
        f"/authorize?redirect_uri=https://shop.example/back&state=s&nonce=n&scope=openid&{query}"
    )
    return dict(get(issuer, target).headers)["location"]


def exchange(issuer, location):
    code = location.partition("code=")[2].partition("&")[0]
    form = (
        f"grant_type=authorization_code&code={code}&redirect_uri=https://shop.example/back"
        "&client_id=shop&client_secret=secret"
    )
    answer = issuer.answer(
        Received(method="POST", target="/token", headers=HERE, body=form.encode())
    )
    return jwt.api_jws.json.loads(answer.body)


def test_a_person_is_named_by_an_id_token_that_the_published_keys_verify(issuer):
    tokens = exchange(issuer, sign_in(issuer, login_hint="bob"))
    keys = jwt.PyJWKSet.from_json(get(issuer, "/keys").body.decode())
    claims = jwt.decode(tokens["id_token"], keys.keys[0].key, ["ES256"], audience="shop", issuer=AT)
    assert (claims["sub"], claims["nonce"]) == ("id-of-bob", "n")
    assert issuer.ledger.count("code") == 1


def test_claims_can_be_changed_and_left_out(issuer):
    issuer.changes = {"aud": "other", "nonce": None}
    tokens = exchange(issuer, sign_in(issuer))
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert claims["aud"] == "other"
    assert "nonce" not in claims


def test_of_rotated_keys_the_last_two_are_published(issuer):
    for _ in range(3):
        issuer.rotate_keys()
    published = get(issuer, "/keys").body.decode()
    assert [name in published for name in ("key-2", "key-3", "key-4")] == [False, True, True]


def test_who_it_is_and_who_says_no(issuer):
    assert sign_in(issuer, login_hint="deny").endswith("iss=http%3A%2F%2F127.0.0.1%3A1")
    assert "error=access_denied" in sign_in(issuer, login_hint="deny")
    issuer.says_issuer = False
    assert "iss=" not in sign_in(issuer)
    assert b'"issuer":"http://127.0.0.1:1"' in get(issuer, "/.well-known/openid-configuration").body


def test_its_calendar_takes_living_tokens(issuer):
    tokens = exchange(issuer, sign_in(issuer))
    bearer = f"Bearer {tokens['access_token']}"
    assert b"Stand-up" in get(issuer, "/api/events", authorization=bearer).body
    assert get(issuer, "/api/events", authorization="Bearer x").status == 401


def test_who_consented_without_a_nonce_is_told_to_whoever_holds_a_living_token(issuer):
    query = "redirect_uri=https://shop.example/back&state=s&login_hint=bob"
    back = dict(get(issuer, f"/authorize?{query}").headers)["location"]
    token = exchange(issuer, back)["access_token"]
    told = get(issuer, "/me", authorization=f"Bearer {token}")
    assert jwt.api_jws.json.loads(told.body)["data"]["id"] == "id-of-bob"
    assert get(issuer, "/me", authorization="Bearer none").status == 401
