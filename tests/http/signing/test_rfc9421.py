"""RFC 9421: the vectors of its appendix B.2, and what a verifier of our own takes."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hardpoint.core.errors import ConfigurationError, UnsupportedError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import BodyStream, Request
from hardpoint.http.signing.rfc9421 import MessageSigner

CREATED = 1618884473.9
# RFC 9421, B.1.4, B.1.5, and the request of B.2
ED25519 = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----"""
SHARED = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
REQUEST = Request(
    method="POST",
    url="https://example.com/foo?param=Value&Pet=dog",
    headers=(
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
    ),
    body=b'{"hello": "world"}',
)


def signed(key, request=REQUEST, **options):
    signer = MessageSigner(Secret.value(key), **options)
    return dict(signer.signed(request, now=CREATED, nonce=lambda: "abc"))


def test_the_vector_for_a_shared_secret():
    found = signed(
        SHARED,
        key_id="test-shared-secret",
        algorithm="hmac-sha256",
        components=("date", "@authority", "content-type"),
        label="sig-b25",
    )
    assert found == {
        "signature-input": 'sig-b25=("date" "@authority" "content-type");created=1618884473;'
        'keyid="test-shared-secret"',
        "signature": "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    }


def test_the_vector_for_ed25519():
    found = signed(
        ED25519,
        key_id="test-key-ed25519",
        algorithm="ed25519",
        components=("date", "@method", "@path", "@authority", "content-type", "content-length"),
        label="sig-b26",
    )
    assert found["signature"] == (
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5"
        "WPpBKRCw==:"
    )


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def verified(public, algorithm, signature, base):
    match algorithm:
        case "ed25519":
            public.verify(signature, base)
        case "rsa-pss-sha512":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
            public.verify(signature, base, pss, hashes.SHA512())
        case "rsa-v1_5-sha256":
            public.verify(signature, base, padding.PKCS1v15(), hashes.SHA256())
        case _:
            digest = hashes.SHA256() if "256" in algorithm else hashes.SHA384()
            half = len(signature) // 2
            pair = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            public.verify(encode_dss_signature(*pair), base, ec.ECDSA(digest))


RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1())),
        ("ecdsa-p384-sha384", ec.generate_private_key(ec.SECP384R1())),
        ("rsa-pss-sha512", RSA),
        ("rsa-v1_5-sha256", RSA),
    ],
)
def test_every_algorithm_signs_the_base_that_the_rfc_describes(algorithm, key):
    found = signed(
        pem(key),
        key_id="k1",
        algorithm=algorithm,
        components=(
            "@method",
            "@target-uri",
            "@scheme",
            "@request-target",
            "@query",
            "content-digest",
            "x-absent",
        ),
        tag="app",
        expires=60,
        nonce=True,
        alg=True,
    )
    digest = base64.b64encode(hashlib.sha256(REQUEST.body).digest()).decode()
    assert found["content-digest"] == f"sha-256=:{digest}:"
    parameters = (
        '("@method" "@target-uri" "@scheme" "@request-target" "@query" "content-digest")'
        f';created=1618884473;expires=1618884533;nonce="abc";alg="{algorithm}";keyid="k1";tag="app"'
    )
    assert found["signature-input"] == f"sig1={parameters}"
    base = "\n".join(
        [
            '"@method": POST',
            '"@target-uri": https://example.com/foo?param=Value&Pet=dog',
            '"@scheme": https',
            '"@request-target": /foo?param=Value&Pet=dog',
            '"@query": ?param=Value&Pet=dog',
            f'"content-digest": sha-256=:{digest}:',
            f'"@signature-params": {parameters}',
        ]
    )
    made = base64.b64decode(found["signature"].removeprefix("sig1=:").removesuffix(":"))
    verified(key.public_key(), algorithm, made, base.encode())


def test_a_request_without_a_body_has_no_digest():
    request = Request(method="GET", url="https://example.com:443")
    found = signed(SHARED, request, key_id="k", algorithm="hmac-sha256")
    assert found["signature-input"].startswith('sig1=("@method" "@target-uri");')
    authority = signed(
        SHARED, request, key_id="k", algorithm="hmac-sha256", components=("@authority", "@path")
    )
    plain = signed(
        SHARED,
        Request(method="GET", url="https://EXAMPLE.com/"),
        key_id="k",
        algorithm="hmac-sha256",
        components=("@authority", "@path"),
    )
    assert authority == plain


def test_a_digest_of_the_callers_own_is_taken():
    request = Request(
        method="POST", url="https://a.example/", headers=(("Content-Digest", "x"),), body=b"1"
    )
    assert "content-digest" not in signed(SHARED, request, key_id="k", algorithm="hmac-sha256")


def test_a_body_in_pieces_cannot_be_signed():
    async def pieces():
        yield b""

    request = Request(method="POST", url="https://a.example/", body=BodyStream(1, pieces()))
    with pytest.raises(UnsupportedError, match="nothing was sent"):
        signed(SHARED, request, key_id="k", algorithm="hmac-sha256")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"algorithm": "md5"}, "algorithm"),
        ({"components": ()}, "components"),
        ({"components": ("@status",)}, "components"),
        ({"components": ("Date",)}, "components"),
        ({"components": ("date", "date")}, "components"),
        ({"key_id": 'a"b'}, "key_id"),
    ],
)
def test_what_cannot_be_signed_so_is_refused(options, key):
    facts = {"key_id": "k", "algorithm": "ed25519", **options}
    with pytest.raises(ConfigurationError) as caught:
        MessageSigner(Secret.value(ED25519), **facts)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("no key", "ed25519"),
        (ED25519, "rsa-pss-sha512"),
        (ED25519, "ecdsa-p256-sha256"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "ecdsa-p384-sha384"),
        ("no base64!", "hmac-sha256"),
    ],
    ids=["none", "another kind", "another algorithm", "another curve", "another encoding"],
)
def test_a_key_that_is_none_for_it_is_refused_and_not_shown(key, algorithm):
    with pytest.raises(ConfigurationError) as caught:
        signed(key, key_id="k", algorithm=algorithm)
    assert key not in str(caught.value)


def test_a_key_that_rotates_is_read_anew():
    keys = [ED25519, ED25519, pem(ed25519.Ed25519PrivateKey.generate())]
    secret = Secret("env:KEY", lambda: keys.pop(0))
    signer = MessageSigner(secret, key_id="k", algorithm="ed25519")
    made = [dict(signer.signed(REQUEST, now=CREATED, nonce=str))["signature"] for _ in range(3)]
    assert made[0] == made[1] != made[2]


def test_its_secret_is_known():
    assert MessageSigner(Secret.value("s"), key_id="k", algorithm="ed25519").secrets() == ("s",)
