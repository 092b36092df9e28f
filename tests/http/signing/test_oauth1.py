"""OAuth 1.0: published vectors, and Authlib as an independent signer."""

import re
from urllib.parse import unquote

import pytest
from authlib.oauth1.rfc5849.client_auth import ClientAuth
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.forms import FORM
from hardpoint.http.messages import Request
from hardpoint.http.signing.oauth1 import OAuth1Signer, base_string


def signed(signer, request, now=0, nonce="n"):
    [(name, value)] = signer.signed(request, now=now, nonce=lambda: nonce)
    assert name == "authorization"
    assert value.startswith("OAuth ")
    return {n: unquote(v) for n, v in re.findall(r'(\w+)="([^"]*)"', value)}


def test_the_vector_of_oauth_core_1_0_appendix_a_5():
    signer = OAuth1Signer(
        "dpf43f3p2l4k3l03",
        Secret.value("kd94hf93k423kf44"),
        token="nnch734d00sl2jdk",
        token_secret=Secret.value("pfkkdhi9sl3r4s00"),
        realm="Photos",
    )
    request = Request(
        method="GET", url="http://photos.example.net/photos?file=vacation.jpg&size=original"
    )
    found = signed(signer, request, 1191242096, "kllo9940pd9333jh")
    assert found["oauth_signature"] == "tR3+Ty81lMeYAr/Fid0kMTYa/WM="
    assert found["realm"] == "Photos"


def test_the_vector_that_a_vendor_published_for_a_form():
    signer = OAuth1Signer(
        "xvz1evFS4wEEPTGEFPHBog",
        Secret.value("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
        token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        token_secret=Secret.value("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
    )
    request = Request(
        method="POST",
        url="https://api.twitter.com/1/statuses/update.json?include_entities=true",
        headers=(("content-type", FORM),),
        body=b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
    )
    found = signed(signer, request, 1318622958, "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg")
    assert found["oauth_signature"] == "tnnArxj06cWHq44gCs1OSKk/jLY="


def test_the_base_string_of_rfc_5849_3_4_1_1():
    request = Request(
        method="POST",
        url="http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        headers=(("content-type", FORM),),
        body=b"c2&a3=2+q",
    )
    own = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
    ]
    assert base_string(request, own) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D"
        "%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e"
        "4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9"
        "d7dh3k39sjv7"
    )


TEXTS = st.text("abcXYZ0189-._~+ &=%/é", max_size=12)


@settings(deadline=None)
@given(
    query=st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=4),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    port=st.sampled_from(["", ":443", ":8443"]),
)
def test_an_independent_signer_signs_the_same(query, method, port):
    from urllib.parse import quote, urlencode

    url = f"https://API.example{port}/a/b%20c"
    if query:
        url += f"?{urlencode(query, quote_via=quote)}"
    theirs = ClientAuth("key", client_secret="s&cret", token="token", token_secret="t+secret")
    _, headers, _ = theirs.sign(method, url, {}, b"")
    expected = dict(re.findall(r'(\w+)="([^"]*)"', headers["Authorization"]))
    ours = OAuth1Signer(
        "key", Secret.value("s&cret"), token="token", token_secret=Secret.value("t+secret")
    )
    found = signed(
        ours,
        Request(method=method, url=url),
        int(expected["oauth_timestamp"]),
        expected["oauth_nonce"],
    )
    assert found["oauth_signature"] == unquote(expected["oauth_signature"])


@pytest.mark.parametrize(
    ("algorithm", "name"), [("sha256", "HMAC-SHA256"), ("sha512", "HMAC-SHA512")]
)
def test_other_digests_are_named(algorithm, name):
    signer = OAuth1Signer("key", Secret.value("s"), algorithm=algorithm)
    found = signed(signer, Request(method="GET", url="https://a.example"))
    assert found["oauth_signature_method"] == name
    assert "oauth_token" not in found


def test_an_algorithm_that_nobody_knows_is_refused():
    with pytest.raises(ConfigurationError, match="algorithm"):
        OAuth1Signer("key", Secret.value("s"), algorithm="plaintext")


def test_its_secrets_are_known():
    signer = OAuth1Signer("key", Secret.value("a"), token_secret=Secret.value("b"))
    assert signer.secrets() == ["a", "b"]
    assert OAuth1Signer("key", Secret.value("a")).secrets() == ["a"]
