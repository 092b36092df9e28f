import hashlib
import hmac
import inspect
import re
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    StaleTimestampError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.signatures import (
    HEADER_BYTES_MAX,
    SECRETS_MAX,
    TOLERANCE_MAX,
    HmacKey,
    Unfit,
    check_age,
    check_tolerance,
    matching_key,
    prepare,
    signature_in,
    timestamp,
)

CANARY = "canary-51b2"


@example(key=b"k" * 64, prefix=b"p", body=b"body")
@example(key=b"k" * 65, prefix=b"p", body=b"body")
@given(key=st.binary(max_size=200), prefix=st.binary(max_size=40), body=st.binary(max_size=300))
def test_a_prepared_key_makes_the_hmac_of_the_standard_library(
    key: bytes, prefix: bytes, body: bytes
) -> None:
    prepared = HmacKey(key)
    expected = hmac.digest(key, prefix + body, "sha256")
    assert prepared.digest(prefix, body) == expected
    assert prepared.digest(prefix, body) == expected, "a key serves any number of requests"


def test_the_body_is_neither_joined_nor_copied() -> None:
    class Body(bytes):
        def __radd__(self, other: object) -> bytes:
            raise AssertionError("joined")

        __add__ = __radd__

    assert HmacKey(b"k").digest(b"1.", Body(b"x")) == hmac.digest(b"k", b"1.x", "sha256")
    view = memoryview(b"x")
    assert HmacKey(b"k").digest(b"1.", view) == hmac.digest(b"k", b"1.x", "sha256")


def test_a_prepared_key_serves_many_threads_at_once() -> None:
    prepared = HmacKey(b"k" * 32)
    bodies = [bytes([number]) * 5000 for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda body: prepared.digest(b"p", body), bodies))
    assert made == [hmac.digest(b"k" * 32, b"p" + body, "sha256") for body in bodies]


def test_a_prepared_key_keeps_and_shows_no_secret() -> None:
    prepared = HmacKey(CANARY.encode())
    held = [getattr(prepared, name) for name in HmacKey.__slots__]
    assert CANARY not in repr(prepared) + repr(held)
    assert not any(isinstance(one, bytes | str) for one in held)


class Guarded(bytes):
    """A signature that may be compared by nothing but the comparison handed in."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared in variable time")

    __hash__ = bytes.__hash__


def spelled(key: bytes, prefix: bytes, body: bytes) -> bytes:
    return hmac.new(key, prefix + body, hashlib.sha256).hexdigest().encode()


def test_the_matching_key_is_named_by_its_number() -> None:
    keys = [(number, HmacKey(text)) for number, text in enumerate([b"new", b"old", b"older"])]
    for number, text in enumerate([b"new", b"old", b"older"]):
        candidates = [Guarded(b"0" * 64), Guarded(spelled(text, b"1.", b"body"))]
        assert matching_key(keys, b"1.", b"body", candidates) == number
    assert matching_key(keys, b"1.", b"other", candidates) is None
    assert matching_key(keys, b"1.", b"body", []) is None
    assert matching_key([], b"1.", b"body", candidates) is None


def test_a_forgery_is_compared_with_every_key_however_close_it_comes() -> None:
    keys = [(number, HmacKey(text)) for number, text in enumerate([b"a", b"b", b"c"])]
    right = spelled(b"b", b"", b"body")
    near, far = right[:-1] + b"x", b"x" + right[1:]
    compared: list[tuple[bytes, bytes]] = []

    def equal(candidate: bytes, expected: bytes) -> bool:
        compared.append((candidate, expected))
        return hmac.compare_digest(candidate, expected)

    for forged in (near, far, right.upper(), b""):
        compared.clear()
        assert matching_key(keys, b"", b"body", [forged, forged], equal=equal) is None
        assert len(compared) == 6


def test_the_comparison_is_the_constant_time_one() -> None:
    assert inspect.signature(matching_key).parameters["equal"].default is hmac.compare_digest


@given(st.one_of(st.binary(max_size=16), st.from_regex(rb"[0-9]{1,14}", fullmatch=True)))
def test_a_timestamp_is_one_to_twelve_ascii_digits_and_nothing_else(text: bytes) -> None:
    if re.fullmatch(rb"[0-9]{1,12}", text):
        assert timestamp(text) == int(text)
    else:
        with pytest.raises(MalformedRequestError):
            timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "inf",
        "-1",
        "+1700000000",
        " 1700000000",
        "1700000000 ",
        "1700000000\n",
        "1e309",
        "1.7e+09",
        "1700000000.5",
        "1_700_000_000",
        "0x10",
        "1" * 13,
        "1" * 20,
        "\u0661\u0667\u0660",
        "\u00b2",
    ],
)
def test_a_timestamp_in_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequestError):
        timestamp(text.encode())


@pytest.mark.parametrize("late", [-300, -299.5, 0, 300])
def test_a_time_within_the_tolerance_is_accepted_its_edges_included(late: float) -> None:
    check_age(1_700_000_000, 1_700_000_000 + late, 300)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (301, "signed 301 s ago, 1 s more than the 300 s allowed"),
        (86_400, "signed 86400 s ago, 86100 s more than the 300 s allowed"),
        (-301, "signed 301 s in the future, more than the 300 s allowed"),
    ],
)
def test_a_time_beyond_the_tolerance_is_refused_in_both_directions(late: float, said: str) -> None:
    with pytest.raises(StaleTimestampError) as caught:
        check_age(1_700_000_000, 1_700_000_000 + late, 300)
    assert str(caught.value) == said


def test_a_signature_header_is_there_not_empty_and_not_huge() -> None:
    assert signature_in(b"x" * HEADER_BYTES_MAX, b"x-sig") == b"x" * HEADER_BYTES_MAX
    with pytest.raises(MissingSignatureError, match="no x-sig header"):
        signature_in(None, b"x-sig")
    with pytest.raises(MalformedRequestError, match="empty"):
        signature_in(b"", b"x-sig")
    with pytest.raises(MalformedRequestError, match="too long"):
        signature_in(b"x" * (HEADER_BYTES_MAX + 1), b"x-sig")


def keep(text: str) -> str | Unfit:
    return Unfit("is unfit", "Take another") if text.startswith("unfit") else text


def values(*texts: str) -> list[Secret]:
    return [Secret.value(text) for text in texts]


def test_each_live_secret_becomes_a_key_with_its_place() -> None:
    assert prepare(values("a", "b"), keep) == ((0, "a"), (1, "b"))


def test_no_secret_or_more_than_may_be_live_are_refused() -> None:
    assert len(prepare(values(*"abcd"), keep)) == SECRETS_MAX
    for texts in ("", "abcde"):
        with pytest.raises(ConfigurationError) as caught:
            prepare(values(*texts), keep)
        assert caught.value.key == "secrets"


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_a_blank_secret_is_refused_by_its_place(blank: str) -> None:
    with pytest.raises(ConfigurationError, match=r"secrets\[1\]: the secret is empty"):
        prepare(values("a", blank), keep)


def test_a_secret_that_cannot_be_read_is_refused_by_its_place_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare([Secret.env("HARDPOINT_NOT_SET")], keep)
    assert caught.value.key == "secrets[0]"
    assert "env:HARDPOINT_NOT_SET" in caught.value.problem
    assert "export HARDPOINT_NOT_SET" in (caught.value.fix or "")
    assert "During handling" not in "".join(traceback.format_exception(caught.value))


def test_an_unfit_secret_is_refused_by_its_place_and_shown_nowhere() -> None:
    with pytest.raises(ConfigurationError) as caught:
        prepare(values("a", f"unfit-{CANARY}"[:]), keep)
    assert (caught.value.key, caught.value.fix) == ("secrets[1]", "Take another")
    ours = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inner = [frame for frame in ours.stack if frame.filename.endswith("signatures.py")]
    assert inner
    assert CANARY not in "".join(str(frame.locals) for frame in inner) + str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("good", [1, 300, 0.5 + 1, TOLERANCE_MAX])
def test_a_tolerance_from_one_second_to_one_day_is_taken(good: float) -> None:
    assert check_tolerance(good) == good


@pytest.mark.parametrize(
    "bad", [0, -1, 0.5, TOLERANCE_MAX + 1, float("nan"), float("inf"), "300", None, [300]]
)
def test_any_other_tolerance_is_refused(bad: object) -> None:
    with pytest.raises(ConfigurationError, match="tolerance"):
        check_tolerance(bad)
