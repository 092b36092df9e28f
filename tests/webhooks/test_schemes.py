"""Schemes as a vendor's folder declares them: two that no vendor of ours has."""

import re
from binascii import hexlify

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks import WebhookRequest
from hardpoint.webhooks.envelopes import Name, named, open_envelope
from hardpoint.webhooks.grammar import (
    OneSignature,
    Pairs,
    from_hex,
    in_base64,
    in_base64url,
    in_hex,
)
from hardpoint.webhooks.public_keys import Ed25519Key, PublicKeyScheme
from hardpoint.webhooks.schemes import HmacScheme
from hardpoint.webhooks.signatures import HmacKey
from hardpoint.webhooks.verification import Replay

NOW = 1_700_000_000
BODY = b'{"event_id":"Ev1","kind":"app_mention"}'


class Event(msgspec.Struct):
    event_id: Name
    kind: Name


decode = msgspec.json.Decoder(Event).decode


class Colons(HmacScheme):
    """Signs `v0:<seconds>:<body>`, as a chat does."""

    grammar = OneSignature("X-Chat-Signature", in_hex(32), prefix="v0=", time="X-Chat-Time")
    around_time = (b"v0:", b":")

    def events(self, request, found):
        event = open_envelope(decode, request.body)
        return (named(event.event_id, event.kind, found[b"x-chat-time"].decode()),)

    def key(self, text):
        return HmacKey(text.encode())


class Bare(Colons):
    """Signs the body alone, in base64."""

    grammar = OneSignature("X-Bare", in_base64(32))

    def events(self, request, found):
        return ()


class Semicolons(Bare):
    grammar = Pairs("X-Pay", in_hex(32), time="ts", signature="h1", separator=";")
    around_time = (b"", b":")


class Curve(PublicKeyScheme):
    """Signs time and body with Ed25519, in hex."""

    grammar = OneSignature("X-Curve", in_hex(64), time="X-Curve-Time")
    around_time = (b"", b"")

    def events(self, request, found):
        return ()

    def key(self, text):
        private = Ed25519PrivateKey.from_private_bytes(text.encode().ljust(32))
        return Ed25519Key(private.public_key(), private)


class CurveOfOthers(Curve):
    def key(self, text):
        made = super().key(text)
        made.private = None
        return made


class BareCurve(Curve):
    grammar = OneSignature("X-Bare-Curve", in_hex(64))


def secrets(*texts):
    return [Secret.value(text) for text in texts]


def signed(bound, body=BODY, *, at=NOW):
    headers = bound.sign(body, now=at, event_id="", event_type="")
    return WebhookRequest(headers=headers, body=body)


def test_a_declared_scheme_verifies_what_it_signs_and_reads_it():
    bound = Colons(secrets=secrets("new", "old"))
    (event,) = bound.verify(signed(Colons(secrets=secrets("old"))), now=NOW).events
    assert (event.id, event.type, event.account) == ("Ev1", "app_mention", str(NOW))
    assert bound.verify(signed(Colons(secrets=secrets("old"))), now=NOW).key == 1
    assert bound.verify(signed(bound, b"{}"), now=NOW).malformed
    assert bound.signature_headers == {b"x-chat-signature"}
    assert bound.replay is Replay.WINDOW


def test_a_declared_scheme_signs_what_its_vendor_documents():
    """The vector of Slack's page, https://docs.slack.dev/authentication/verifying-requests."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    bound = Colons(secrets=secrets("8f742231b10e8888abcd99yyyzzz85a5"))
    (header, signature), (_, time) = bound.sign(body, now=1531420618, event_id="", event_type="")
    assert (header, time) == ("X-Chat-Signature", "1531420618")
    assert signature == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


@pytest.mark.parametrize("kind", [Colons, Bare, Semicolons, Curve, BareCurve])
def test_every_declared_scheme_refuses_what_was_changed(kind):
    bound = kind(secrets=secrets("ours"))
    assert bound.verify(signed(bound), now=NOW).malformed is None
    forged = WebhookRequest.raw("POST", "", signed(bound).headers, BODY + b" ")
    decoy = WebhookRequest.raw("POST", "", bound.decoy(now=NOW), BODY)
    theirs = signed(kind(secrets=secrets("theirs")))
    for request in (forged, decoy, theirs):
        with pytest.raises(SignatureMismatchError):
            bound.verify(request, now=NOW)
    with pytest.raises(MissingSignatureError):
        bound.verify(WebhookRequest(headers=[], body=BODY), now=NOW)
    assert bound.refusal_us > 0


@pytest.mark.parametrize("kind", [Colons, Semicolons, Curve])
def test_a_signed_time_is_judged_where_the_grammar_has_one(kind):
    bound = kind(secrets=secrets("ours"), tolerance=60)
    assert bound.verify(signed(bound), now=NOW + 60).signed_at == NOW
    with pytest.raises(StaleTimestampError):
        bound.verify(signed(bound), now=NOW + 61)
    with pytest.raises(ConfigurationError, match="tolerance"):
        kind(secrets=secrets("ours"), tolerance=0)


def test_without_a_signed_time_nothing_is_too_old():
    bound = Bare(secrets=secrets("ours"))
    assert bound.replay is Replay.NONE
    assert bound.verify(signed(bound), now=NOW + 10**9).signed_at is None


def test_the_age_of_a_public_key_scheme_may_be_let_be_but_never_that_of_shared_secrets():
    bound = Curve(secrets=secrets("ours"), tolerance=None)
    assert bound.replay is Replay.NONE
    assert bound.verify(signed(bound), now=NOW + 10**9).signed_at == NOW
    with pytest.raises(ConfigurationError, match="tolerance"):
        Colons(secrets=secrets("ours"), tolerance=None)


def test_a_signature_that_is_spelled_otherwise_is_malformed():
    bound = Curve(secrets=secrets("ours"))
    (name, value), time = bound.sign(BODY, now=NOW, event_id="", event_type="")
    for spelled in (value.upper(), "zz" + value[2:], value + "00", "\xff" * 128, ""):
        with pytest.raises(MalformedRequestError):
            bound.verify(WebhookRequest(headers=[(name, spelled), time], body=BODY), now=NOW)
    assert from_hex(hexlify(b"\xff")) == b"\xff"


def test_pairs_skip_other_names_and_name_what_is_missing():
    bound = Semicolons(secrets=secrets("ours"))
    ((name, value),) = bound.sign(BODY, now=NOW, event_id="", event_type="")
    assert re.fullmatch(r"ts=1700000000;h1=[0-9a-f]{64}", value)
    added = WebhookRequest(headers=[(name, f"h2=x;{value};h1=short")], body=BODY)
    assert bound.verify(added, now=NOW).key == 0
    for broken, said in [
        ("h1=" + "0" * 64, "no ts="),
        (f"ts={NOW};h1=short", "no h1 signature is 64 hex digits"),
        (f"{value};ts={NOW}", "twice"),
        (value + f";h1={'0' * 64}" * 16, "more than 16"),
    ]:
        with pytest.raises(MalformedRequestError, match=said):
            bound.verify(WebhookRequest(headers=[(name, broken)], body=BODY), now=NOW)


def test_public_keys_alone_cannot_sign():
    with pytest.raises(ConfigurationError, match="cannot sign"):
        CurveOfOthers(secrets=secrets("ours")).sign(BODY, now=NOW, event_id="", event_type="")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\xfb\xff\xbf", bytes(32)])
def test_base64_of_urls_has_one_spelling(data):
    encoding = in_base64url(len(data))
    spelled = encoding.spell(data)
    assert len(spelled) == encoding.most
    assert encoding.decode(spelled) == data
    for other in (spelled + b"=", b"*" + spelled):
        assert encoding.decode(other) is None
