import base64
import hashlib
import hmac
import json
import time
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.webhooks import Verified, WebhookError, WebhookRequest, scheme
from hardpoint.webhooks.standard import StandardWebhooks

# standard-webhooks/standard-webhooks, libraries/python/tests/test_webhooks.py
HMAC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = 1_614_265_330
BODY = b'{"test": 2432232314}'
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
# svix/svix-webhooks, server/svix-server/src/worker.rs, test_asymmetric_key_signing
SIGNING_KEY = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
EVENT = b'{"type": "invoice.paid", "data": {}}'


def secret_of(size: int, byte: int = 7, *, padded: bool = True) -> str:
    text = base64.b64encode(bytes([byte]) * size).decode()
    return f"whsec_{text if padded else text.rstrip('=')}"


def headers(
    signature: str, *, event_id: str = ID, timestamp: object = TIME
) -> list[tuple[str, str]]:
    return [
        ("Webhook-Id", event_id),
        ("Webhook-Timestamp", str(timestamp)),
        ("Webhook-Signature", signature),
    ]


def verified(
    signature: str,
    *secrets: str,
    body: bytes = BODY,
    now: float = TIME,
    event_id: str = ID,
    timestamp: object = TIME,
) -> Verified:
    request = WebhookRequest(
        headers=headers(signature, event_id=event_id, timestamp=timestamp), body=body
    )
    return scheme("standard", secrets=secrets).verify(request, now=now)


def sent(
    *secrets: str, body: bytes = EVENT, now: float = TIME, event_id: str = ID
) -> WebhookRequest:
    signing = scheme("standard", secrets=secrets)
    return WebhookRequest(
        headers=signing.sign(body, now=now, event_id=event_id, event_type="invoice.paid"), body=body
    )


def test_the_vectors_of_the_specification_and_of_svix_verify() -> None:
    assert verified(V1, HMAC_SECRET).signed_at == TIME
    assert verified(V1A, PUBLIC_KEY).signed_at == TIME
    assert verified(V1A, SIGNING_KEY).signed_at == TIME


def test_signing_makes_the_vectors() -> None:
    signing = scheme("standard", secrets=[HMAC_SECRET, SIGNING_KEY])
    made = signing.sign(BODY, now=TIME + 0.9, event_id=ID, event_type="any")
    assert made == [
        ("webhook-id", ID),
        ("webhook-timestamp", str(TIME)),
        ("webhook-signature", f"{V1} {V1A}"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        BODY,  # the reference library's own sample
        b'{"type": 1}',
        b'{"type": ""}',
        b'["list"]',
        b"<event>paid</event>",
        b"type=paid",
        b"\xff",
        b"",
        b"[" * 100_000,
    ],
)
def test_a_body_without_a_type_is_an_event_of_the_empty_type(body: bytes) -> None:
    """The specification asks nothing of the payload; `*` matches it."""
    bound = scheme("standard", secrets=[HMAC_SECRET])
    result = bound.verify(sent(HMAC_SECRET, body=body), now=TIME)
    assert result.malformed is None
    (event,) = result.events
    assert (event.id, event.type, event.asserted) == (ID, "", False)


@pytest.mark.parametrize(
    ("where", "body", "found"),
    [
        ("/event/name", b'{"event": {"name": "order.paid"}, "type": "x"}', "order.paid"),
        ("/event/name", b'{"event": "order.paid"}', ""),
        ("/event/name", b'{"type": "order.paid"}', ""),
        ("/0/type", b'[{"type": "order.paid"}]', "order.paid"),
        ("/1/type", b'[{"type": "order.paid"}]', ""),
        ("/first/type", b'[{"type": "order.paid"}]', ""),
        ("/a~1b/~0", b'{"a/b": {"~": "order.paid"}}', "order.paid"),
        ("/kind", b'{"kind": 7}', ""),
        ("/kind", b"not json", ""),
        ("header:X-Event-Type", b"not json", "order.paid"),
        ("header:X-Other", b'{"type": "x"}', ""),
    ],
)
def test_the_type_is_read_from_where_the_configuration_says(
    where: str, body: bytes, found: str
) -> None:
    bound = scheme("standard", secrets=[HMAC_SECRET], type_from=where)
    request = sent(HMAC_SECRET, body=body)
    request.headers = [*request.headers, (b"x-event-type", b"order.paid")]
    (event,) = bound.verify(request, now=TIME).events
    assert event.type == found
    assert (b"x-event-type" in bound.stored_headers) == (where == "header:X-Event-Type")


@pytest.mark.parametrize("where", ["", "type", "/a~2", "header:", "header:a b", "/x" * 17])
def test_a_place_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a JSON pointer nor a header"):
        scheme("standard", secrets=[HMAC_SECRET], type_from=where)


def test_the_headers_of_svix_mean_the_same_and_are_never_mixed_with_the_others() -> None:
    bound = StandardWebhooks(secrets=scheme_secrets(HMAC_SECRET))
    webhook = [(name.lower(), value) for name, value in headers(V1)]
    svix = [(name.replace("webhook-", "svix-"), value) for name, value in webhook]
    other = [(name, value[:-1] + "x") for name, value in svix]

    def event_id(*given: tuple[str, str]) -> str:
        (event,) = bound.verify(WebhookRequest(headers=given, body=BODY), now=TIME).events
        return event.id

    assert event_id(*svix) == ID
    assert event_id(*webhook, *other) == ID, "where both are whole, the specification's count"
    for place in range(2):  # the signature decides whose the other two have to be
        mixed = [webhook[place], *(pair for at, pair in enumerate(svix) if at != place)]
        with pytest.raises(MalformedRequestError, match=f"{webhook[place][0]} stands beside svix"):
            event_id(*mixed)
    with pytest.raises(
        MalformedRequestError, match=r"svix-id stands beside webhook-signature.*mixed"
    ):
        event_id(*svix[:2], webhook[2])
    with pytest.raises(MalformedRequestError, match="signed time is not"):
        event_id(svix[0], svix[2])
    with pytest.raises(MalformedRequestError, match="svix-id"):
        event_id(*svix[1:])
    request = WebhookRequest(headers=svix, body=BODY)
    assert "no whpk_" not in (bound.clue(request) or "")
    assert bound.stored_headers >= {b"svix-id", b"svix-timestamp"}


def test_the_id_is_covered_and_the_type_read_from_the_body() -> None:
    result = scheme("standard", secrets=[HMAC_SECRET]).verify(sent(HMAC_SECRET), now=TIME)
    (event,) = result.events
    assert (event.id, event.type, event.account, event.asserted) == (
        ID,
        "invoice.paid",
        None,
        False,
    )
    assert (result.key, result.signed_at, result.malformed) == (0, TIME, None)


@pytest.mark.parametrize(
    "body",
    [b'{"type": "a\\nb"}', b'{"type": "\\u001b[2J"}', b'{"type": "%b"}' % (b"x" * 257)],
)
def test_a_body_whose_type_is_no_name_is_malformed(body: bytes) -> None:
    result = scheme("standard", secrets=[HMAC_SECRET]).verify(
        sent(HMAC_SECRET, body=body), now=TIME
    )
    assert result.malformed
    assert result.events == ()
    assert result.signed_at == TIME


def test_kinds_of_keys_may_be_mixed_and_the_one_that_matched_is_named() -> None:
    secrets = [secret_of(32, 1), PUBLIC_KEY, HMAC_SECRET, SIGNING_KEY]
    assert verified(V1, *secrets).key == 2
    assert verified(V1A, *secrets).key == 1
    assert verified(f"{V1A} {V1}", *secrets).key == 2, "the cheap ones are tried first"
    assert verified(f"v1,{'A' * 43}= {V1A}", *secrets).key == 1


def test_every_live_key_that_can_sign_does() -> None:
    signing = scheme("standard", secrets=[PUBLIC_KEY, HMAC_SECRET, secret_of(32), SIGNING_KEY])
    signature = dict(signing.sign(BODY, now=TIME, event_id=ID, event_type="x"))["webhook-signature"]
    entries = signature.split(" ")
    assert [entry.partition(",")[0] for entry in entries] == ["v1", "v1", "v1a"]
    assert entries[0] == V1
    assert entries[2] == V1A


def test_a_public_key_alone_cannot_sign() -> None:
    signing = scheme("standard", secrets=[PUBLIC_KEY])
    with pytest.raises(ConfigurationError, match="cannot sign"):
        signing.sign(BODY, now=TIME, event_id=ID, event_type="x")


@pytest.mark.parametrize("size", [16, 24, 25, 32, 64, 100])
@pytest.mark.parametrize(
    "spelled",
    [
        "{}",
        "{}\n",
        " {} \r\n",
    ],
)
def test_a_shared_key_is_taken_as_the_libraries_take_it(size: int, spelled: str) -> None:
    whole = secret_of(size)
    for secret in (whole, whole.rstrip("="), whole.removeprefix("whsec_")):
        result = scheme("standard", secrets=[spelled.format(secret)]).verify(sent(whole), now=TIME)
        assert result.events


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (secret_of(15), "holds 15 bytes, not 16 to 256; is it whole?"),
        (secret_of(257), "holds 257 bytes, not 16 to 256; is it whole?"),
        ("whsec_", "holds 0 bytes, not 16 to 256; is it whole?"),
        ("whsec_not base64!", "is not base64 after whsec_"),
        ("not base64!", "has no prefix, such as whsec_, and is not base64"),
        ("whsec_caf\u00e9", "is not base64 after whsec_"),
        ("whsec_\udc80", "is not base64 after whsec_"),
        ("sk_test_123", "starts with none of whsec_, whpk_ and whsk_"),
        ("whpk_" + base64.b64encode(b"x" * 31).decode(), "holds 31 bytes, not 32"),
        ("whsk_" + base64.b64encode(b"x" * 31).decode(), "holds 31 bytes, not 32 or 64"),
        ("whsk_" + base64.b64encode(b"x" * 63).decode(), "holds 63 bytes, not 32 or 64"),
        (
            "whsk_" + base64.b64encode(b"x" * 64).decode(),
            "holds a public half that is not of its private half",
        ),
    ],
)
def test_a_key_of_the_wrong_shape_is_refused_and_not_repeated(secret: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        scheme("standard", secrets=[HMAC_SECRET, secret])
    assert (caught.value.key, caught.value.problem) == ("secrets[1]", problem)
    assert len(secret) < 12 or secret[-8:] not in str(caught.value)


def test_a_signing_key_may_be_the_seed_alone() -> None:
    seed = base64.b64encode(base64.b64decode(SIGNING_KEY[5:])[:32]).decode()
    assert verified(V1A, f"whsk_{seed}").key == 0


def test_unknown_versions_are_skipped_and_never_a_reason_to_fail() -> None:
    assert verified(f"v2,!! v9,a,b {V1} v1b,x", HMAC_SECRET).key == 0
    with pytest.raises(MissingSignatureError, match="no v1 or v1a"):
        verified("v2,abc v3,def", HMAC_SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        "x",
        "v1",
        "v1,",
        "v1,short",
        "v1,a,b",
        V1[:-1],
        V1 + "=",
        "v1a,",
        V1A[:-1],
        "v1a," + "!" * 88,
        V1A[:-3] + "h==",  # the same bytes in a spelling nobody sends
        "v1a," + base64.b64encode(b"x" * 32).decode(),
        "v1," + base64.b64encode(b"x" * 64).decode(),
        f"{V1},{V1}",
        f"{V1}\t{V1}",
    ],
)
def test_a_signature_header_outside_the_grammar_is_refused(signature: str) -> None:
    with pytest.raises(MalformedRequestError):
        verified(signature, HMAC_SECRET, PUBLIC_KEY)


@pytest.mark.parametrize(
    "odd", ["x", "", "v1", "v1,short", "v1,a,b", "v1a,short", "v1a," + "!" * 88, "v1b,x"]
)
def test_a_signature_that_cannot_be_read_spoils_no_other(odd: str) -> None:
    for signatures in (f"{odd} {V1}", f"{V1} {odd}"):
        assert verified(signatures, HMAC_SECRET).key == 0
    assert verified(f"{odd} {V1A}", PUBLIC_KEY).key == 0


def test_the_number_of_signatures_looked_at_is_bounded() -> None:
    forged = f"v1,{'A' * 43}="
    assert verified(" ".join([forged] * 15 + [V1]), HMAC_SECRET).key == 0
    with pytest.raises(MalformedRequestError, match="too many"):
        verified(" ".join([forged] * 16 + [V1]), HMAC_SECRET)
    other = "v1a," + base64.b64encode(b"\0" * 64).decode()
    assert verified(f"{other} {V1A}", PUBLIC_KEY).key == 0
    with pytest.raises(MalformedRequestError, match="too many"):
        verified(f"{other} {other} {V1A}", PUBLIC_KEY)


@pytest.mark.parametrize(
    "event_id",
    ["", "a.b", ".", "a b", "a\tb", "caf\u00e9", "x" * 257, "a\x7f"],
)
def test_an_id_outside_the_grammar_is_refused_on_both_sides(event_id: str) -> None:
    key = base64.b64decode(HMAC_SECRET[6:])
    signed = f"{event_id}.{TIME}.".encode("latin-1", "replace") + EVENT
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    with pytest.raises(MalformedRequestError):
        verified(f"v1,{signature}", HMAC_SECRET, body=EVENT, event_id=event_id)
    with pytest.raises(ValueError, match="an id is"):
        sent(HMAC_SECRET, event_id=event_id)
    with pytest.raises(ValueError, match="an id is"):
        sent(HMAC_SECRET, event_id="\u0661")


def test_an_id_of_the_greatest_length_verifies() -> None:
    request = sent(HMAC_SECRET, event_id="~" * 256)
    (event,) = scheme("standard", secrets=[HMAC_SECRET]).verify(request, now=TIME).events
    assert event.id == "~" * 256


def test_a_dot_cannot_move_from_the_body_into_the_id() -> None:
    """`id.time.body` must have one reading: the signature of one is not the other's."""
    key = base64.b64decode(HMAC_SECRET[6:])
    text = b"msg.1614265330.1614265330.{}"
    signature = "v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    assert verified(signature, HMAC_SECRET, event_id="msg", body=b"1614265330.{}")
    with pytest.raises(MalformedRequestError):
        verified(signature, HMAC_SECRET, event_id="msg.1614265330", body=b"{}")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_each_of_the_three_headers_is_needed_once(missing: int) -> None:
    three = headers(V1)
    bound = scheme("standard", secrets=[HMAC_SECRET])
    without = [pair for place, pair in enumerate(three) if place != missing]
    with pytest.raises(MissingSignatureError if missing == 2 else MalformedRequestError):
        bound.verify(WebhookRequest(headers=without, body=BODY), now=TIME)
    with pytest.raises(MalformedRequestError, match="appears twice"):
        bound.verify(WebhookRequest(headers=[*three, three[missing]], body=BODY), now=TIME)


def test_the_window_is_five_minutes_unless_set() -> None:
    verified(V1, HMAC_SECRET, now=TIME + 300)
    verified(V1, HMAC_SECRET, now=TIME - 300)
    for late in (301, -301):
        with pytest.raises(StaleTimestampError):
            verified(V1, HMAC_SECRET, now=TIME + late)
    wide = scheme("standard", secrets=[HMAC_SECRET], tolerance=3600)
    wide.verify(WebhookRequest(headers=headers(V1), body=BODY), now=TIME + 3600)


def test_a_key_of_one_kind_never_serves_the_other() -> None:
    public = base64.b64decode(PUBLIC_KEY[5:])
    text = f"{ID}.{TIME}.".encode() + BODY
    forged = base64.b64encode(hmac.new(public, text, hashlib.sha256).digest()).decode()
    for signature in (f"v1,{forged}", f"v1a,{base64.b64encode(b'x' * 64).decode()}", V1):
        with pytest.raises(SignatureMismatchError):
            verified(signature, PUBLIC_KEY)
    with pytest.raises(SignatureMismatchError):
        verified(V1A, HMAC_SECRET)


def test_a_clue_says_which_kind_of_key_is_wanting() -> None:
    def clue(signature: str, *secrets: str) -> str | None:
        bound = StandardWebhooks(secrets=scheme_secrets(*secrets))
        return bound.clue(WebhookRequest(headers=headers(signature), body=BODY))

    assert "no whsec_" in (clue(V1, PUBLIC_KEY) or "")
    assert "no whpk_" in (clue(V1A, HMAC_SECRET) or "")
    assert clue(V1, HMAC_SECRET) is None
    assert clue(f"{V1} {V1A}", HMAC_SECRET) is None
    assert clue(f"{V1} {V1A}", PUBLIC_KEY) is None


def scheme_secrets(*texts: str) -> list[Any]:
    from hardpoint.core.secrets import Secret

    return [Secret.value(text) for text in texts]


@given(
    body=st.binary(max_size=200),
    event_id=st.from_regex(r"[!-\-/-~]{1,40}", fullmatch=True),
    now=st.integers(0, 999_999_999_999),
)
def test_what_is_signed_verifies_whatever_the_body(body: bytes, event_id: str, now: int) -> None:
    secrets = (HMAC_SECRET, SIGNING_KEY)
    request = sent(*secrets, body=body, now=now, event_id=event_id)
    for secret in (*secrets, PUBLIC_KEY):
        result = scheme("standard", secrets=[secret]).verify(request, now=now)
        assert result.signed_at == now
        assert result.malformed or [event.id for event in result.events] == [event_id]


PIECES = st.sampled_from(["v1", "v1a", ",", " ", V1, V1A, V1[3:], "=", "v2,", "\u0661", "é", "\0"])


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "x"]),
            st.one_of(
                st.text(max_size=30),
                st.lists(PIECES, max_size=6).map("".join),
                st.sampled_from([ID, str(TIME), V1, V1A]),
            ),
        ),
        max_size=6,
    ),
    body=st.binary(max_size=30),
)
def test_no_request_at_all_raises_anything_but_a_webhook_error(
    pairs: list[tuple[str, str]], body: bytes
) -> None:
    bound = scheme("standard", secrets=[HMAC_SECRET, PUBLIC_KEY])
    with pytest.raises(WebhookError):
        bound.verify(WebhookRequest(headers=pairs, body=body), now=TIME)


# The official package, as an oracle and as a comparison


def official(secret: str = HMAC_SECRET) -> Any:
    return import_module("standardwebhooks").Webhook(secret)


def test_what_the_official_package_signs_verifies_here() -> None:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(TIME, UTC)
    text = '{"type": "caf\u00e9"}'
    signature = official().sign(msg_id=ID, timestamp=moment, data=text)
    (event,) = verified(signature, HMAC_SECRET, body=text.encode()).events
    assert event.type == "caf\u00e9"


def test_what_is_signed_here_verifies_with_the_official_package() -> None:
    body = '{"type": "caf\u00e9"}'.encode()
    signed = scheme("standard", secrets=[secret_of(32), HMAC_SECRET]).sign(
        body, now=time.time(), event_id=ID, event_type="x"
    )
    assert official().verify(body, dict(signed)) == json.loads(body)


@pytest.mark.parametrize("signature", ["x", "v1,a,b"])
def test_an_entry_without_exactly_one_comma_is_refused_where_the_official_one_crashes(
    signature: str,
) -> None:
    with pytest.raises(WebhookError):
        verified(signature, HMAC_SECRET)
    three = dict(headers(signature, timestamp=int(time.time())))
    with pytest.raises(ValueError, match="unpack"):
        official().verify(BODY, three)


def test_a_body_that_is_not_utf_8_is_an_event_where_the_official_one_crashes() -> None:
    body = b'{"type": "\xff"}'
    now = int(time.time())
    request = sent(HMAC_SECRET, body=body, now=now)
    result = scheme("standard", secrets=[HMAC_SECRET]).verify(request, now=now)
    assert [event.type for event in result.events] == [""]
    given = {name.decode(): value.decode() for name, value in request.headers}
    with pytest.raises(UnicodeDecodeError):
        official().verify(body, given)


@pytest.mark.parametrize("spelling", ["{}.5", "{}e+0", "+{}", " {}"])
def test_a_time_in_a_free_spelling_is_refused_where_the_official_one_takes_it(
    spelling: str,
) -> None:
    now = int(time.time())
    written = spelling.format(now)
    signing = scheme("standard", secrets=[HMAC_SECRET])
    signed = dict(signing.sign(EVENT, now=now, event_id=ID, event_type="x"))
    signature = signed["webhook-signature"]
    assert official().verify(EVENT, dict(headers(signature, timestamp=written)))
    with pytest.raises(MalformedRequestError):
        verified(signature, HMAC_SECRET, body=EVENT, now=now, timestamp=written)


def test_ed25519_is_verified_where_the_official_one_knows_only_hmac() -> None:
    body, now = EVENT, int(time.time())
    request = sent(SIGNING_KEY, body=body, now=now)
    assert scheme("standard", secrets=[PUBLIC_KEY]).verify(request, now=now).events
    given = {name.decode(): value.decode() for name, value in request.headers}
    refused = import_module("standardwebhooks").WebhookVerificationError
    with pytest.raises(refused):
        official().verify(body, given)
