"""The attacks that a scheme alone must withstand, against every scheme: refused, never a crash."""

import gc
import json
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hardpoint
from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.core.providers import provider, provider_names
from hardpoint.webhooks import Verified, WebhookError, WebhookRequest, scheme

DATA = Path(__file__).parents[1] / "providers"
BUILT_IN = Path(hardpoint.__file__).parent / "providers"
NOW = 1_700_000_000
BODY = b'{"id":"evt_1","type":"invoice.paid","data":{"amount":1250,"name":"caf\xc3\xa9"}}'


@dataclass(frozen=True, eq=False)
class Attacked:
    """One scheme under attack, with two secrets of different owners."""

    name: str
    secret: str
    foreign: str
    signature: bytes
    """The header that holds the signature."""
    time: bytes | None = None
    """The header that holds the signed time, where one is signed."""
    signed: tuple[bytes, ...] = ()
    """Other headers that the signature covers."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    spell: Callable[[bytes], bytes] = bytes
    """How the vendor writes an event whose id and type we call `id` and `type`."""
    names: Collection[str] = ()
    """Which of the two the body itself says, in this spelling."""
    curve: bool = False
    """Whether a library compares its signatures."""
    forms: bool = False
    """Whether what is not in JSON is a form, which any text can be."""
    per_secret: int = 1
    """How many signatures each secret makes: of an address as it may be written."""
    floods: Sequence[bytes] = field(default=(), repr=False)
    """Signature headers that hold too much."""

    @property
    def body(self) -> bytes:
        return self.spell(BODY)

    def scheme(self, *secrets: str) -> Any:
        return scheme(self.name, secrets=secrets or [self.secret], **self.settings)

    def sent(
        self, body: bytes | None = None, *, by: Sequence[str] = (), at: int = NOW
    ) -> WebhookRequest:
        body = self.body if body is None else body
        headers = self.scheme(*by).sign(body, now=at, event_id="msg_1", event_type="invoice.paid")
        return WebhookRequest(headers=headers, body=body)

    def verify(self, request: WebhookRequest, *secrets: str, now: float = NOW) -> Verified:
        return self.scheme(*secrets).verify(request, now=now)


STANDARD_FLOODS = (
    b" ".join([b"v1," + b"A" * 43 + b"="] * 1000),
    b" ".join([b"v1a," + b"A" * 86 + b"=="] * 90),
    b"v2,x " * 1600 + b"v3,x",
)
STANDARD = Attacked(
    "standard",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    b"webhook-signature",
    time=b"webhook-timestamp",
    signed=(b"webhook-id", b"webhook-timestamp"),
    floods=STANDARD_FLOODS,
)
ED25519 = Attacked(
    "standard",
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
    "whsk_AXb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=",
    b"webhook-signature",
    time=b"webhook-timestamp",
    signed=(b"webhook-id", b"webhook-timestamp"),
    curve=True,
    floods=STANDARD_FLOODS,
)


def attacked(name: str) -> Attacked:
    """A vendor's scheme, by the facts beside its tests."""
    known = json.loads((DATA / name / "attacked.json").read_text())
    time = known.pop("time", None)
    renamed, within = known.pop("renamed", {}), known.pop("within", "%").encode()

    def spell(event: bytes) -> bytes:
        for ours, theirs in renamed.items():
            event = event.replace(f'"{ours}"'.encode(), f'"{theirs}"'.encode())
        return within.replace(b"%", event)

    return Attacked(
        name,
        signature=known.pop("signature").encode(),
        time=None if time is None else time.encode(),
        signed=tuple(one.encode() for one in known.pop("signed", ())),
        floods=[(head + each * times).encode() for head, each, times in known.pop("floods")],
        spell=spell,
        **known,
    )


VENDORS = {
    name: attacked(name)
    for name in provider_names()
    if provider(name).webhooks and (BUILT_IN / name).is_dir()
}
"""Every vendor whose manifest names a scheme; what is to be known of it is beside its tests."""
SCHEMES = {**VENDORS, "v1": STANDARD, "v1a": ED25519}
STRIPE, GITHUB = VENDORS["stripe"], VENDORS["github"]


def every(schemes: dict[str, Attacked]) -> Any:
    return pytest.mark.parametrize("under", schemes.values(), ids=schemes)


every_scheme = every(SCHEMES)
every_timed_scheme = every({name: one for name, one in SCHEMES.items() if one.time})


def replaced(request: WebhookRequest, name: bytes, *values: bytes) -> WebhookRequest:
    """The request with one header's value replaced, doubled or, without values, removed."""
    others = [(key, value) for key, value in request.headers if key != name]
    return WebhookRequest.raw(
        "POST", "", [*others, *((name, value) for value in values)], request.body
    )


def value_of(request: WebhookRequest, name: bytes) -> bytes:
    return dict(request.headers)[name]


@every_scheme
def test_a_genuine_request_verifies(under: Attacked) -> None:
    result = under.verify(under.sent())
    assert len(result.events) == 1
    assert result.malformed is None


@every_scheme
def test_a_missing_signature_is_refused(under: Attacked) -> None:
    with pytest.raises(MissingSignatureError):
        under.verify(replaced(under.sent(), under.signature))


@every_scheme
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"=",
        b",",
        b"v1",
        b"v1,",
        b"v1=",
        b"sha256=",
        b"t=1700000000",
        b"t=1700000000,v1=abc",
        b"sha256=abc",
        b"v1,!!!!",
        b"v1a,!!!!",
        b"\xff\xfe",
        "\u0661\u0662".encode(),
        b"v1," + b"A" * 43,
        b"t=1700000000,v1=" + b"g" * 63,
        b"x" * 65_536,
        b"\0" * 64,
    ],
)
def test_a_malformed_signature_is_refused(under: Attacked, value: bytes) -> None:
    with pytest.raises(WebhookError):
        under.verify(replaced(under.sent(), under.signature, value))


@every_scheme
def test_a_signature_by_another_key_is_refused(under: Attacked) -> None:
    """Also the attack of replaying what was signed for another source or tenant."""
    with pytest.raises(SignatureMismatchError):
        under.verify(under.sent(by=[under.foreign]))


@every_scheme
def test_one_flipped_bit_anywhere_that_is_signed_is_refused(under: Attacked) -> None:
    genuine = under.sent()
    bound = under.scheme()
    for name in (under.signature, *under.signed):
        value = value_of(genuine, name)
        for bit in range(len(value) * 8):
            forged = replaced(genuine, name, flipped(value, bit))
            with pytest.raises(WebhookError):
                bound.verify(forged, now=NOW)
    for bit in range(len(under.body) * 8):
        forged = WebhookRequest.raw("POST", "", genuine.headers, flipped(under.body, bit))
        with pytest.raises(SignatureMismatchError):
            bound.verify(forged, now=NOW)


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@every_scheme
@pytest.mark.parametrize("change", [b"", b" ", b"\n"])
def test_a_body_cut_or_grown_is_refused(under: Attacked, change: bytes) -> None:
    genuine = under.sent()
    body = under.body + change if change else under.body[:-1]
    with pytest.raises(SignatureMismatchError):
        under.verify(WebhookRequest.raw("POST", "", genuine.headers, body))


def test_the_weaker_of_two_signatures_is_never_enough() -> None:
    sha1 = (b"x-hub-signature", b"sha1=" + b"0" * 40)
    only_sha1 = replaced(GITHUB.sent(), GITHUB.signature)
    only_sha1.headers = [*only_sha1.headers, sha1]
    with pytest.raises(MissingSignatureError):
        GITHUB.verify(only_sha1)
    downgraded = value_of(STRIPE.sent(), STRIPE.signature).replace(b"v1=", b"v0=")
    with pytest.raises(MissingSignatureError):
        STRIPE.verify(replaced(STRIPE.sent(), STRIPE.signature, downgraded))
    public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    hmac_with_the_public_key = STANDARD.sent(by=[public.replace("whpk_", "whsec_")])
    with pytest.raises(SignatureMismatchError):
        STANDARD.verify(hmac_with_the_public_key, public)


@every_timed_scheme
def test_the_window_includes_its_edges_and_nothing_beyond(under: Attacked) -> None:
    genuine = under.sent()
    for now in (NOW - 300, NOW, NOW + 300):
        assert under.verify(genuine, now=now).signed_at == NOW
    for now in (NOW - 301, NOW + 301, NOW + 10**9, 0):
        with pytest.raises(StaleTimestampError):
            under.verify(genuine, now=now)


@every_timed_scheme
@pytest.mark.parametrize(
    "spelling",
    [
        "NaN",
        "inf",
        "-1700000000",
        "1e309",
        "1.7e+09",
        "1700000000.0",
        "1700000000.5",
        "+1700000000",
        " 1700000000",
        "1700000000 ",
        "1_700_000_000",
        "0x6553f100",
        "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660",
        "1" * 20,
        "9" * 5000,
        "",
    ],
)
def test_a_time_in_any_other_spelling_is_refused(under: Attacked, spelling: str) -> None:
    genuine = under.sent()
    assert under.time
    value = value_of(genuine, under.time).replace(b"1700000000", spelling.encode())
    with pytest.raises(MalformedRequestError):
        under.verify(replaced(genuine, under.time, value))


@every_scheme
def test_a_signature_header_that_stands_twice_is_refused(under: Attacked) -> None:
    genuine = under.sent()
    value = value_of(genuine, under.signature)
    for pair in ((value, value), (value, b""), (b"forged", value)):
        with pytest.raises(MalformedRequestError):
            under.verify(replaced(genuine, under.signature, *pair))


def test_a_time_that_stands_twice_is_refused() -> None:
    genuine = STRIPE.sent()
    value = value_of(genuine, STRIPE.signature)
    for doubled in (b"t=1700000000," + value, value + b",t=1700000001"):
        with pytest.raises(MalformedRequestError):
            STRIPE.verify(replaced(genuine, STRIPE.signature, doubled))


def calls_during(action: Callable[[], object]) -> list[str]:
    """The names of all functions called meanwhile, of Python and of C, in order."""
    names: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event in {"call", "c_call"}:
            names.append(argument.__name__ if event == "c_call" else frame.f_code.co_name)

    before = sys.getprofile()
    gc.disable()  # a collection in between would be noted too
    sys.setprofile(note)
    try:
        with pytest.raises(WebhookError):
            action()
    finally:
        sys.setprofile(before)
        gc.enable()
    return names


@every_scheme
def test_the_work_on_a_flood_of_signatures_is_bounded(under: Attacked) -> None:
    genuine = under.sent()
    assert under.floods
    for flood in under.floods:
        request = replaced(genuine, under.signature, flood)
        names = calls_during(lambda request=request: under.verify(request))
        assert names.count("compare_digest") <= 16
        assert names.count("verify") <= 4 * 4 + 2, "ours, the scheme's own, and the curve's"
        assert names.count("update") <= 4 * 2 * 3


@every_scheme
def test_the_same_work_is_done_wherever_a_forgery_first_differs(under: Attacked) -> None:
    genuine = under.sent()
    value = value_of(genuine, under.signature)
    digits = value.rstrip(b"=")
    places = (len(digits) - 40, len(digits) - 1)
    works: list[list[str]] = []
    for place in places:
        other = b"A" if value[place : place + 1] != b"A" else b"Q"
        forged = replaced(genuine, under.signature, value[:place] + other + value[place + 1 :])
        works.append(
            calls_during(lambda forged=forged: under.verify(forged, under.foreign, under.secret))
        )
    assert works[0] == works[1]
    if not under.curve:
        assert works[0].count("compare_digest") == 2 * under.per_secret, (
            "every live secret is tried"
        )


@every_scheme
def test_a_repeat_is_the_same_event_so_that_dedupe_can_see_it(under: Attacked) -> None:
    request = under.sent()
    assert under.verify(request) == under.verify(request)


def test_another_body_under_one_id_still_bears_that_id() -> None:
    """So the store sees a conflict: the id is what the signature covers."""
    one = STANDARD.verify(STANDARD.sent(b'{"type":"a","n":1}')).events[0]
    two = STANDARD.verify(STANDARD.sent(b'{"type":"a","n":2}')).events[0]
    assert one.id == two.id
    assert not one.asserted
    assert GITHUB.verify(GITHUB.sent()).events[0].asserted, "an unsigned id is only asserted"


NASTY = {
    "depth": b'{"id":"evt_1","type":"a","x":' + b"[" * 100_000,
    "depth of objects": b'{"a":' * 100_000,
    "lone surrogate": b'{"id":"evt_1","type":"\\ud800"}',
    "lone surrogate skipped": b'{"id":"evt_1","type":"a","x":"\\udfff"}',
    "NUL": b'{"id":"evt_1","type":"a","x":"\x00"}',
    "NUL after": b'{"id":"evt_1","type":"a"}\x00',
    "invalid UTF-8": b'{"id":"evt_1","type":"a","x":"\xff"}',
    "overlong UTF-8": b'{"id":"evt_1","type":"a","x":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"id":"evt_1","type":"a","x":"\xed\xa0\x80"}',
    "BOM": b'\xef\xbb\xbf{"id":"evt_1","type":"a"}',
    "UTF-16": '{"id":"evt_1","type":"a"}'.encode("utf-16"),
    "NaN": b'{"id":"evt_1","type":"a","x":NaN}',
    "empty": b"",
    "blank": b"  \n",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>',
}
HARMLESS = {
    "huge integer": b'{"id":"evt_1","type":"a","x":' + b"1" * 100_000 + b"}",
    "huge float": b'{"id":"evt_1","type":"a","x":1e999}',
    "duplicate key": b'{"id":"evt_0","id":"evt_1","type":"a"}',
    "escaped NUL": b'{"id":"evt_1","type":"a","x":"\\u0000"}',
}


def problem(result: Verified) -> str | None:
    """Why a body could not be read, or its only item."""
    return result.malformed or (result.events[0].malformed if result.events else None)


@every_scheme
@pytest.mark.parametrize("kind", NASTY)
def test_a_nasty_body_under_a_good_signature_is_malformed(under: Attacked, kind: str) -> None:
    for body in (NASTY[kind], under.spell(NASTY[kind])):
        result = under.verify(under.sent(body))
        if under.name == "standard":  # it asks nothing of the payload
            assert result.malformed is None
            assert [event.type for event in result.events] in ([""], ["a"])
            continue
        told = problem(result)
        if under.forms and not body.startswith(b"{"):
            assert told or [event.type for event in result.events] == ["form"]
            continue
        assert told
        assert len(told) < 200


@every_scheme
@pytest.mark.parametrize("kind", HARMLESS)
def test_an_odd_body_that_is_json_is_read_as_every_parser_reads_it(
    under: Attacked, kind: str
) -> None:
    (event,) = under.verify(under.sent(under.spell(HARMLESS[kind]))).events
    if "id" in under.names:
        assert event.id == "evt_1"


@every_scheme
@pytest.mark.parametrize("kind", NASTY)
def test_a_nasty_body_under_a_bad_signature_is_never_looked_at(under: Attacked, kind: str) -> None:
    with pytest.raises(SignatureMismatchError):
        under.verify(under.sent(NASTY[kind], by=[under.foreign]))


@every({name: one for name, one in SCHEMES.items() if "type" in one.names or one is STANDARD})
@pytest.mark.parametrize("name", ["x" * 257, "", "a\x00b", "a\x1b[31m", "\u202e", "a\r\nb"])
def test_a_name_that_would_harm_index_log_or_terminal_is_malformed(
    under: Attacked, name: str
) -> None:
    body = json.dumps({"id": "evt_1", "type": name}).encode()
    result = under.verify(under.sent(under.spell(body)))
    if not name and (under is STANDARD or under.forms):
        assert [event.type for event in result.events] == [""]
    else:
        assert problem(result)


@every_scheme
def test_secrets_are_rotated_without_a_gap(under: Attacked) -> None:
    old, new = under.foreign, under.secret
    both = [new, old]
    assert under.verify(under.sent(by=[old]), *both).key == 1
    assert under.verify(under.sent(by=[new]), *both).key == 0
    assert under.verify(under.sent(by=both), *both).key == 0
    assert under.verify(under.sent(by=both), new).key == 0
    with pytest.raises(SignatureMismatchError):
        under.verify(under.sent(by=[old]), new)


@every_scheme
@pytest.mark.parametrize("secrets", [[], ["", ""], [""], [" "], ["\n"], ["\t \n"]])
def test_without_a_live_secret_nothing_starts(under: Attacked, secrets: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="secrets"):
        scheme(under.name, secrets=secrets, **under.settings)
    with pytest.raises(ConfigurationError):
        scheme(under.name, secrets=[under.secret] * 5, **under.settings)


@every_scheme
def test_neither_secret_nor_signature_is_shown_by_what_fails(under: Attacked) -> None:
    forged = under.sent(by=[under.foreign])
    bound = under.scheme()
    told = [repr(bound), str(bound), repr(forged)]
    for now in (NOW, NOW + 10_000):
        for request in (forged, under.sent() if under.time and now > NOW else forged):
            with pytest.raises(WebhookError) as caught:
                bound.verify(request, now=now)
            told.append(told_by(caught.value))
    everything = "\n".join(told)
    assert under.secret not in everything
    assert under.secret.split("_", 1)[-1] not in everything


@every_scheme
def test_what_refuses_a_forgery_does_not_show_the_right_signature(under: Attacked) -> None:
    right = value_of(under.sent(), under.signature).decode().rstrip("=")[-30:]
    with pytest.raises(WebhookError) as caught:
        under.verify(under.sent(by=[under.foreign]))
    assert right not in told_by(caught.value)


def told_by(error: Exception) -> str:
    """Everything an error tracker would show, the variables of our own frames included."""
    stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [str(frame.locals) for frame in stack if "src/hardpoint" in frame.filename]
    assert ours
    return "\n".join([repr(error), "".join(traceback.format_exception(error)), *ours])


@every_scheme
@given(body=st.binary(max_size=300))
@example(body=b'{"type":0}')
def test_whatever_is_signed_is_an_event_or_malformed_and_never_an_error(
    under: Attacked, body: bytes
) -> None:
    try:
        result = under.verify(under.sent(body))
    except MalformedRequestError:  # what it signs are a form's fields, and this has none
        assert under.forms
    else:
        told = bool(result.malformed), bool(result.events), result.reply is not None
        assert sum(told) == 1  # what is answered at once is a handshake
