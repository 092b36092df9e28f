"""Who somebody is, where the userinfo endpoint alone says so."""

import json

import pytest

from hardpoint.core.errors import InvalidTokenError, UnexpectedResponseError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.profile import ProfileIdentity
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run

TOKENS = Tokens(access=Secret.value("canary-access"), issued_at=0)


@pytest.fixture
def who(transport, entry):
    def who(body, status=200, **facts):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        transport.replies.append((status, "application/json", raw))
        facts = {
            "userinfo_url": "https://api.acme.example/me",
            "subject_field": "data.id",
            "email_field": "data.mail",
            "email_verified_field": "data.verified",
            **facts,
        }
        return run(ProfileIdentity(transport, entry(**facts))(TOKENS, Asked(nonce=None)))

    return who


def test_a_person_is_known_by_the_origin_that_was_asked_and_the_member_named(who, transport):
    told = {"data": {"id": 17, "mail": "ada@acme.example", "verified": True}}
    person = who(told, token_headers={"acme-version": "3"})
    assert person.key == ("https://api.acme.example", "17")
    assert (person.email, person.email_verified) == ("ada@acme.example", True)
    assert person.claims == told
    (request,) = transport.sent
    headers = dict(request.headers)
    assert headers["authorization"] == "Bearer canary-access"
    assert headers["acme-version"] == "3"


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ({"id": "a", "mail": "m@x", "verified": False}, {}),
        ({"id": "a", "mail": "m@x"}, {}),
        ({"id": "a", "mail": "m@x", "verified": 1}, {}),
        ({"id": "a", "mail": "m@x", "verified": True}, {"email_verified_field": None}),
    ],
)
def test_an_address_is_not_verified_unless_the_provider_says_so(who, data, facts):
    person = who({"data": data}, **facts)
    assert (person.email, person.email_verified) == ("m@x", False)


@pytest.mark.parametrize(("mail", "facts"), [(None, {}), (5, {}), ("m@x", {"email_field": None})])
def test_there_may_be_no_address(who, mail, facts):
    person = who({"data": {"id": "a", "mail": mail, "verified": True}}, **facts)
    assert (person.email, person.email_verified) == (None, False)


@pytest.mark.parametrize("value", [None, "", " ", True, 1.5, [], "a\nb", "x" * 256])
def test_a_subject_that_is_none_names_nobody(who, value):
    with pytest.raises(UnexpectedResponseError, match=r"names nobody in data\.id"):
        who({"data": {"id": value}})


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"other": 1}}])
def test_a_member_that_is_not_there_names_nobody(who, body):
    with pytest.raises(UnexpectedResponseError, match="names nobody"):
        who(body)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_at_once_is_not_taken(who, status):
    with pytest.raises(InvalidTokenError, match="refused its own token"):
        who({}, status=status)


@pytest.mark.parametrize(("body", "status"), [({}, 500), (b"<html>", 200), (b"[1]", 200)])
def test_an_answer_that_is_none_is_said_to_be(who, body, status):
    with pytest.raises(UnexpectedResponseError, match="the userinfo endpoint of acme"):
        who(body, status=status)
