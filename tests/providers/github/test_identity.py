import pytest

from hardpoint.core.errors import InvalidTokenError, UnexpectedResponseError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.tokens import Tokens
from hardpoint.providers.github.identity import GitHubIdentity
from hardpoint.providers.github.oauth import LOGIN
from hardpoint.runtime.blocking import run

USER = b'{"id": 583231, "login": "octocat", "name": null, "email": "public@octo.example"}'
EMAILS = b"""[
    {"email": "added@octo.example", "primary": false, "verified": true},
    {"email": "octo@octo.example", "primary": true, "verified": true}
]"""


class Api:
    def __init__(self, user=USER, emails=EMAILS, status=200):
        self.bodies = {"/user": user, "/user/emails": emails}
        self.status = status
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        path = request.url.removeprefix("https://api.github.com")
        return Response(status=self.status, headers={}, body=self.bodies[path])


def ask(api, scope=("read:user", "user:email")):
    tokens = Tokens(access=Secret.value("canary-access"), issued_at=0, scope=scope)
    return run(GitHubIdentity(api, LOGIN)(tokens, Asked(nonce=None)))


def test_a_person_is_a_number_and_not_a_name_that_can_be_renamed():
    api = Api()
    person = ask(api)
    assert person.key == ("https://github.com/login/oauth", "583231")
    assert (person.email, person.email_verified) == ("octo@octo.example", True)
    assert person.claims == {"login": "octocat", "name": None}
    assert all(("authorization", "Bearer canary-access") in one.headers for one in api.sent)


@pytest.mark.parametrize(
    "emails",
    [
        b"[]",
        b'[{"email": "a@octo.example", "primary": true, "verified": false}]',
        b'[{"email": "a@octo.example", "primary": false, "verified": true}]',
        b'[{"email": "a@octo.example"}]',
    ],
)
def test_an_address_that_is_not_the_primary_one_and_verified_is_none(emails):
    person = ask(Api(emails=emails))
    assert (person.email, person.email_verified) == (None, False)


def test_addresses_are_not_asked_for_without_their_scope():
    api = Api()
    assert ask(api, ("read:user",)).email is None
    assert len(api.sent) == 1
    assert ask(Api(), None).email == "octo@octo.example"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_taken_is_nobodys(status):
    with pytest.raises(InvalidTokenError):
        ask(Api(status=status))


@pytest.mark.parametrize(
    "api",
    [
        Api(status=500),
        Api(user=b"<html>"),
        Api(user=b"{}"),
        Api(user=b'{"id": "1", "login": "x"}'),
        Api(user=b'{"id": 1, "login": "\xff"}'),
        Api(user=b'{"plan": ' + b"[" * 100_000),
        Api(emails=b"[" * 100_000),
    ],
)
def test_an_answer_that_does_not_tell_is_an_error_that_quotes_nothing(api):
    with pytest.raises(UnexpectedResponseError) as caught:
        ask(api)
    assert "canary" not in str(caught.value)
