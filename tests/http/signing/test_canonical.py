"""Signing by a template: the examples that vendors publish, and templates that prove nothing."""

import base64
import hashlib
import hmac

import pytest

from hardpoint.core.errors import ConfigurationError, UnsupportedError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import BodyStream, Request
from hardpoint.http.signing.canonical import HmacSigner

NOW = 1_700_000_000.25
BODY = b'{"a": 1}'
REQUEST = Request(
    method="POST",
    url="https://api.example/v1/orders?b=2&a=1",
    headers=(("X-Version", "7"), ("content-type", "application/json")),
    body=BODY,
)


def signed(request=REQUEST, key="secret", **options):
    facts = {"header": "X-Signature", **options}
    signer = HmacSigner(Secret.value(key), **facts)
    return dict(signer.signed(request, now=NOW, nonce=lambda: "once"))


def test_the_example_of_an_exchange_that_signs_the_query():
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    query = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        "&recvWindow=5000&timestamp=1499827319559"
    )
    found = signed(
        Request(method="POST", url=f"https://api.binance.com/api/v3/order?{query}"),
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
        signed="{query}",
    )
    assert found["X-Signature"] == (
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )


def expected(text, digest="sha256", key=b"secret"):
    return hmac.new(key, text, digest).digest()


def test_every_part_stands_for_what_it_says():
    template = (
        "{method} {host} {path} {query} {target} {url} {body_sha256} {timestamp} {user}"
        " {header:x-version} {header:x-absent} {{}} {body}"
    )
    found = signed(signed=template, user="me", timestamp_header="X-Time")
    text = (
        b"POST api.example /v1/orders b=2&a=1 /v1/orders?b=2&a=1 "
        b"https://api.example/v1/orders?b=2&a=1 "
        + hashlib.sha256(BODY).hexdigest().encode()
        + b" 1700000000 me 7  {} "
        + BODY
    )
    assert found == {"X-Signature": expected(text).hex(), "X-Time": "1700000000"}


def test_what_is_sent_is_made_by_a_template_too():
    found = signed(
        signed="{nonce}{timestamp_ms}{method}{body_sha512}",
        header="Authorization",
        value="HMAC {user}:{nonce}:{signature}",
        encoding="base64",
        algorithm="sha512",
        user="key-1",
        timestamp_header="X-Time",
        nonce_header="X-Nonce",
    )
    text = f"once1700000000250POST{hashlib.sha512(BODY).hexdigest()}".encode()
    signature = base64.b64encode(expected(text, "sha512")).decode()
    assert found == {
        "Authorization": f"HMAC key-1:once:{signature}",
        "X-Time": "1700000000250",
        "X-Nonce": "once",
    }


def test_a_date_is_written_as_http_writes_it():
    found = signed(
        signed="{date}\n{target}",
        timestamp_header="Date",
        encoding="base64url",
        request=Request(method="GET", url="https://api.example"),
    )
    text = b"Tue, 14 Nov 2023 22:13:20 GMT\n/"
    signature = base64.urlsafe_b64encode(expected(text)).rstrip(b"=").decode()
    assert found == {"X-Signature": signature, "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}


@pytest.mark.parametrize(
    ("encoding", "key"),
    [("hex", "736563726574"), ("base64", "c2VjcmV0"), ("text", "secret")],
)
def test_the_key_may_be_encoded(encoding, key):
    found = signed(signed="{body}", key=key, key_encoding=encoding)
    assert found["X-Signature"] == expected(BODY).hex()


def test_a_key_that_is_not_encoded_so_is_refused_and_not_shown():
    with pytest.raises(ConfigurationError) as caught:
        signed(signed="{body}", key="zz-secret", key_encoding="hex")
    assert "zz-secret" not in str(caught.value)


def test_a_body_in_pieces_cannot_be_signed_but_what_leaves_it_out_can():
    async def pieces():
        yield b""

    request = Request(method="POST", url="https://a.example/", body=BodyStream(1, pieces()))
    with pytest.raises(UnsupportedError, match="nothing was sent"):
        signed(request, signed="{body}")
    assert signed(request, signed="{method}{target}")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"signed": "{timestamp}", "timestamp_header": "X-Time"}, "signed"),
        ({"signed": "constant"}, "signed"),
        ({"signed": "{body}{odd}"}, "signed"),
        ({"signed": "{body}{"}, "signed"),
        ({"signed": "{timestamp}{body}"}, "timestamp_header"),
        ({"signed": "{nonce}{body}"}, "nonce_header"),
        ({"signed": "{user}{body}"}, "user"),
        ({"signed": "{body}", "value": "sha256=", "user": "me"}, "value"),
        ({"signed": "{body}", "value": "{signature}{body}"}, "value"),
        ({"signed": "{body}", "header": "X Signature"}, "header"),
        ({"signed": "{body}", "nonce_header": ":"}, "nonce_header"),
        ({"signed": "{body}", "algorithm": "md5"}, "algorithm"),
        ({"signed": "{body}", "encoding": "rot13"}, "encoding"),
        ({"signed": "{body}", "key_encoding": "rot13"}, "key_encoding"),
    ],
)
def test_a_description_that_proves_nothing_or_cannot_work_is_refused(options, key):
    with pytest.raises(ConfigurationError) as caught:
        HmacSigner(Secret.value("s"), **{"header": "X-Signature", **options})
    assert caught.value.key == key


def test_its_secret_is_known():
    assert HmacSigner(Secret.value("s"), signed="{body}", header="X").secrets() == ("s",)
