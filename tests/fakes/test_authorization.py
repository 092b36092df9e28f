import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.messages import Received
from hardpoint.testing.clock import ManualClock

FORM = "application/x-www-form-urlencoded"
BASIC = "Basic " + base64.b64encode(b"client:client-secret").decode()


class Caller:
    def __init__(self, **facts):
        self.clock = ManualClock()
        self.server = FakeAuthorization(now=self.clock.now, **facts)

    def post(self, path="/token", *, headers=None, **fields):
        return self.server.answer(
            Received(
                method="POST",
                target=path,
                headers={"content-type": FORM, "authorization": BASIC, **(headers or {})},
                body=urlencode(fields).encode(),
            )
        )

    def get(self, path, **headers):
        return self.server.answer(Received(method="GET", target=path, headers=headers, body=b""))

    def code(self, **query):
        asked = {"redirect_uri": "https://us.example/back", "state": "s", **query}
        reply = self.get(f"/authorize?{urlencode(asked)}")
        return dict(parse_qsl(urlsplit(dict(reply.headers)["location"]).query))

    def refresh(self, token):
        reply = self.post(grant_type="refresh_token", refresh_token=token)
        return reply.status, json.loads(reply.body)

    def works(self, access):
        return self.get("/resource", authorization=f"Bearer {access}").status == 200


def exchange(caller, code, **more):
    reply = caller.post(
        grant_type="authorization_code", code=code, redirect_uri="https://us.example/back", **more
    )
    return reply.status, json.loads(reply.body)


def test_a_code_is_good_once_and_for_its_redirect():
    caller = Caller(issuer="https://acme.example")
    back = caller.code()
    assert (back["state"], back["iss"]) == ("s", "https://acme.example")
    assert exchange(caller, back["code"])[0] == 200
    assert exchange(caller, back["code"]) == (400, {"error": "invalid_grant"})
    other = caller.code(redirect_uri="https://evil.example")
    assert exchange(caller, other["code"])[0] == 400


def test_a_challenge_wants_its_verifier():
    caller = Caller()
    digest = hashlib.sha256(b"verifier").digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert exchange(caller, caller.code(code_challenge=challenge)["code"])[0] == 400
    code = caller.code(code_challenge=challenge)["code"]
    assert exchange(caller, code, code_verifier="verifier")[0] == 200


def test_an_id_token_is_made_to_order():
    caller = Caller(id_token=json.dumps)
    _, document = exchange(caller, caller.code(nonce="n")["code"])
    assert json.loads(document["id_token"])["nonce"] == "n"


def test_strict_a_second_use_ends_the_grant():
    caller = Caller(rotation="strict")
    first = caller.server.grant()
    status, second = caller.refresh(first["refresh_token"])
    assert status == 200
    assert caller.works(second["access_token"])
    assert caller.refresh(first["refresh_token"])[0] == 400
    assert not caller.works(second["access_token"])
    assert caller.refresh(second["refresh_token"])[0] == 400
    assert not caller.server.alive()


def test_grace_a_second_use_works_for_a_while():
    caller = Caller(rotation="grace", reuse_grace=60.0)
    first = caller.server.grant()
    assert caller.refresh(first["refresh_token"])[0] == 200
    caller.clock.advance(59)
    assert caller.refresh(first["refresh_token"])[0] == 200
    caller.clock.advance(2)
    assert caller.refresh(first["refresh_token"])[0] == 400


@pytest.mark.parametrize(
    ("quirks", "said"),
    [
        ((), "nothing"),
        (("keeps_refresh_token",), "refresh-1-1"),
        (("keeps_refresh_token", "null_refresh_token"), None),
    ],
)
def test_static_the_token_stays(quirks, said):
    caller = Caller(rotation="static", quirks=quirks)
    first = caller.server.grant()
    for _ in range(3):
        status, document = caller.refresh(first["refresh_token"])
        assert (status, document.get("refresh_token", "nothing")) == (200, said)


@pytest.mark.parametrize(
    ("quirk", "key", "value"),
    [
        ("life_as_text", "expires_in", "3600"),
        ("no_life", "expires_in", None),
        ("life_as_date", "expires_at", "2023-11-14T23:13:20+00:00"),
    ],
)
def test_a_life_is_told_as_ordered(quirk, key, value):
    assert Caller(quirks=[quirk]).server.grant().get(key) == value


def test_errors_and_answers_can_be_odd():
    assert Caller(quirks=["errors_with_200"]).refresh("x") == (200, {"error": "invalid_grant"})
    caller = Caller(quirks=["form_answers"])
    reply = caller.post(grant_type="client_credentials", scope="read")
    assert dict(reply.headers)["content-type"] == FORM
    assert b"refresh_token" not in reply.body


def test_a_client_proves_itself_by_header_form_or_json():
    caller = Caller()
    assert caller.post(grant_type="client_credentials").status == 200
    told = {"client_id": "client", "client_secret": "client-secret"}
    none = {"authorization": ""}
    assert caller.post(headers=none, grant_type="client_credentials", **told).status == 200
    assert caller.post(headers=none, grant_type="client_credentials").status == 401
    document = json.dumps({"grant_type": "client_credentials", **told}).encode()
    request = Received(
        method="POST",
        target="/token",
        headers={"content-type": "application/json"},
        body=document,
    )
    assert caller.server.answer(request).status == 200


def test_what_it_does_not_know_it_refuses():
    caller = Caller()
    assert caller.post(grant_type="magic").status == 400
    assert caller.refresh("")[0] == 400
    assert caller.get("/nowhere").status == 404


def test_it_answers_where_a_real_one_would():
    caller = Caller(paths={"token": "/login/oauth/access_token"})
    assert caller.post(grant_type="client_credentials").status == 404
    there = caller.post("/login/oauth/access_token", grant_type="client_credentials")
    assert there.status == 200


def test_a_grant_can_be_ended_from_both_sides():
    caller = Caller(quirks=["empty_revocation"])
    first, second, third = (caller.server.grant() for _ in range(3))
    assert caller.post("/revoke", token=first["refresh_token"]).body == b""
    assert not caller.works(first["access_token"])
    caller.post("/revoke", token=second["access_token"])
    assert not caller.server.alive(2)
    caller.server.end(3)
    assert not caller.works(third["access_token"])
    assert Caller().post("/revoke", token="none").body == b"{}"


def test_it_tells_whether_a_token_was_used():
    caller = Caller()
    first = caller.server.grant()

    def active(token):
        return json.loads(caller.post("/introspect", token=token).body)["active"]

    assert active(first["refresh_token"])
    caller.refresh(first["refresh_token"])
    assert not active(first["refresh_token"])
    assert not active("none")


def test_a_device_gets_tokens_by_the_second_question_and_a_code_works_once():
    caller = Caller()
    code = json.loads(caller.post("/device").body)["device_code"]
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code}
    assert json.loads(caller.post(**grant).body) == {"error": "authorization_pending"}
    assert json.loads(caller.post(**grant).body)["access_token"]
    assert json.loads(caller.post(**grant).body) == {"error": "invalid_grant"}
