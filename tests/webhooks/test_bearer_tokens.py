"""Sources that bring a token of an issuer who publishes its keys."""

import asyncio
import base64
import hashlib
import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.http.messages import Response
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.fetched_keys import KeyNeededError, UnknownKeyError
from hardpoint.webhooks.verification import Arrival, Coverage

NOW = 1_700_000_000
BODY = b'{"id":"evt_1","type":"paid"}'
KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
OTHER = ECKey.generate_key("P-256", {"kid": "two"}, private=True)
CLAIMS = {"iss": "https://id.example", "aud": "shop", "exp": NOW + 60, "iat": NOW, "jti": "j1"}
SETTINGS = {
    "jwks_url": "https://id.example/keys",
    "issuer": "https://id.example",
    "audience": "shop",
    "algorithms": ["ES256"],
}


class Published:
    """Answers for the issuer's server."""

    def __init__(self, *keys) -> None:
        self.asked = []
        self.document = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    async def get(self, url):
        self.asked.append(url)
        return Response(status=200, headers={}, body=self.document)


def token(claims=CLAIMS, key=KEY, *, kid="one", algorithm="ES256"):
    header = {"alg": algorithm} if kid is None else {"alg": algorithm, "kid": kid}
    return jwt.encode(header, claims, key, algorithms=[algorithm])


def verify(one, text, *, now=NOW, body=BODY, published=None, headers=()):
    """As the inbox does: the key that is needed is fetched, once."""
    request = WebhookRequest(headers=[("Authorization", f"Bearer {text}"), *headers], body=body)
    try:
        return one.verify(request, now=now)
    except KeyNeededError as needed:
        fetch = published or Published(KEY)
        asyncio.run(needed.keys.fetch(needed.name, fetch, lambda: now))
        return one.verify(request, now=now)


def bound(**settings):
    return scheme("jwt", **{**SETTINGS, **settings})


def test_a_token_of_the_issuer_is_taken_and_its_keys_are_fetched_once():
    one = bound(id_from="claim:jti")
    published = Published(KEY)
    for _ in range(2):
        found = verify(one, token(), published=published)
    event = found.events[0]
    assert (event.id, event.type, event.asserted, found.signed_at) == ("j1", "paid", False, NOW)
    assert published.asked == ["https://id.example/keys"]
    assert (one.covers, one.signature_headers) == (Coverage.NONE, {b"authorization"})


def test_an_id_of_the_body_counts_only_if_the_token_has_its_hash():
    assert verify(bound(id_from="/id"), token()).events[0].asserted
    hashed = bound(id_from="/id", body_hash="sum")
    text = token({**CLAIMS, "sum": hashlib.sha256(BODY).hexdigest()})
    found = verify(hashed, text)
    assert (found.events[0].id, found.events[0].asserted) == ("evt_1", False)
    assert hashed.covers is Coverage.FULL_BODY
    with pytest.raises(SignatureMismatchError, match="another body"):
        verify(hashed, text, body=BODY + b" ")
    with pytest.raises(SignatureMismatchError, match="another body"):
        verify(hashed, token())


@pytest.mark.parametrize(
    ("encoding", "spell"), [("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)]
)
def test_the_hash_of_the_body_has_the_spelling_that_is_configured(encoding, spell):
    one = bound(body_hash="sum", body_hash_encoding=encoding)
    said = spell(hashlib.sha256(BODY).digest()).decode()
    verify(one, token({**CLAIMS, "sum": said if encoding == "base64" else said.rstrip("=")}))


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"exp": NOW - 61}, StaleTimestampError),
        ({"iat": NOW + 61}, StaleTimestampError),
        ({"iat": NOW - 400}, StaleTimestampError),
        ({"iat": None}, StaleTimestampError),
        ({"iss": "https://other.example"}, SignatureMismatchError),
        ({"aud": "another"}, SignatureMismatchError),
        ({"exp": None}, MalformedRequestError),
        ({"jti": 7}, MalformedRequestError),
    ],
)
def test_a_token_that_says_something_else_is_refused(claims, error):
    one = bound(tolerance=300, id_from="claim:jti")
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    with pytest.raises(error):
        verify(one, token(said))


def test_a_token_by_another_key_or_another_algorithm_is_refused():
    one = bound()
    with pytest.raises(SignatureMismatchError):
        verify(one, token(key=OTHER))
    with pytest.raises(UnknownKeyError):
        verify(one, token(key=OTHER, kid="two"))
    for text in ("x.y.z", "e30.e30.e30", "", "é"):
        with pytest.raises((MalformedRequestError, SignatureMismatchError)):
            verify(one, text)
    with pytest.raises(SignatureMismatchError, match="key allows"):
        verify(bound(algorithms=["ES256", "RS256"]), _resigned("RS256"))
    with pytest.raises(SignatureMismatchError, match="do not accept"):
        verify(bound(), _resigned("none"))


def _resigned(algorithm):
    head = json.dumps({"alg": algorithm, "kid": "one"}).encode()
    return ".".join([base64.urlsafe_b64encode(head).decode().rstrip("="), *token().split(".")[1:]])


def test_a_token_that_names_no_key_is_taken_where_there_is_one_alone():
    assert verify(bound(), token(kid=None)).key == 0
    with pytest.raises(SignatureMismatchError, match="several keys"):
        verify(bound(), token(kid=None), published=Published(KEY, OTHER))


def test_the_token_may_stand_in_a_header_of_its_own():
    one = bound(header="X-Token", prefix="")
    verify(one, "unused", headers=[("x-token", token())])
    with pytest.raises(MissingSignatureError):
        verify(one, "unused")
    with pytest.raises(MalformedRequestError, match="prefix"):
        bound().verify(WebhookRequest(headers=[("authorization", "x")], body=b""), now=NOW)


def test_nobody_but_the_issuer_signs():
    one = bound()
    with pytest.raises(ConfigurationError, match="only the issuer"):
        one.sign(BODY, now=NOW, event_id="e", event_type="t")
    with pytest.raises((MalformedRequestError, SignatureMismatchError)):
        one.verify(WebhookRequest.raw("POST", "", one.decoy(now=NOW), BODY), now=NOW)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"jwks_url": "http://id.example/keys"}, "jwks_url"),
        ({"jwks_url": 7}, "jwks_url"),
        ({"issuer": ""}, "issuer"),
        ({"audience": ["a"]}, "audience"),
        ({"algorithms": "RS256"}, "algorithms"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"header": "a b"}, "header"),
        ({"prefix": 7}, "prefix"),
        ({"body_hash": ""}, "body_hash"),
        ({"body_hash_encoding": "hexx"}, "body_hash_encoding"),
        ({"tolerance": 0}, "tolerance"),
        ({"id_from": "claim:"}, "id_from"),
        ({"id_from": "jti"}, "id_from"),
        ({"secrets": ["x"]}, "secrets"),
    ],
)
def test_settings_that_prove_nothing_are_refused_at_start(settings, key):
    with pytest.raises(ConfigurationError) as refused:
        bound(**settings)
    assert refused.value.key == key


# Lists, and what is asked first


def test_each_event_of_a_list_stands_alone_and_is_asserted_without_the_bodys_hash():
    body = b'{"events":[{"id":"1","type":"a"},{"id":"2","type":"b"}]}'
    found = verify(bound(items="/events", id_from="/id"), token(), body=body)
    first, second = found.events
    assert [(one.id, one.type, one.asserted) for one in (first, second)] == [
        ("1", "a", True),
        ("2", "b", True),
    ]
    assert second.body == b'{"id":"2","type":"b"}'
    hashed = bound(items="/events", id_from="/id", body_hash="sum")
    text = token({**CLAIMS, "sum": hashlib.sha256(body).hexdigest()})
    assert not verify(hashed, text, body=body).events[0].asserted


def test_an_empty_list_under_a_good_token_is_answered_and_a_missing_one_is_odd():
    one = bound(items="/events")
    assert verify(one, token(), body=b'{"events":[]}').reply.status == 200
    assert verify(one, token(), body=b"{}").malformed == "there is no list of events at /events"


def test_the_id_of_a_claim_is_no_id_for_a_whole_list():
    with pytest.raises(ConfigurationError, match="whole list") as refused:
        bound(items="/events", id_from="claim:jti")
    assert refused.value.key == "id_from"


def test_what_is_asked_first_is_answered_without_a_token_and_without_a_key():
    one = bound(handshake={"query": "challenge"})
    arrival = Arrival(method="GET", query=b"challenge=abc")
    asked = WebhookRequest(method="GET", headers=[], body=b"", arrival=arrival)
    assert one.verify(asked, now=NOW).reply.body == b"abc"
    with pytest.raises(MissingSignatureError):
        one.verify(WebhookRequest(headers=[], body=BODY), now=NOW)


def test_a_question_in_the_body_is_answered_under_a_good_token_alone():
    one = bound(handshake={"body": "/challenge"})
    body = b'{"challenge":"abc"}'
    assert verify(one, token(), body=body).reply.body == b"abc"
    with pytest.raises(SignatureMismatchError):
        verify(one, token({**CLAIMS, "aud": "another"}), body=body)
    with pytest.raises(ConfigurationError, match="wants an HMAC"):
        bound(handshake={"body": "/challenge", "answer": "{hmac}"})
