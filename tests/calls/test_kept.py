"""How arguments are compared, and how results are kept."""

import enum
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hardpoint.calls.journalled import RESULT_BYTES_MAX, recorded, replayed
from hardpoint.calls.key import fingerprint
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.store.journal import UnrecordableError


class Colour(enum.StrEnum):
    RED = "red"


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    price: Money
    colour: Colour
    key: Secret | None = None
    facts: dict[str, Any] = {}


THING = Thing(id="a", price=Money("10.99", "EUR"), colour=Colour.RED, key=Secret.value("s3cret"))


def test_equal_arguments_have_the_same_fingerprint_in_whatever_order_their_parts_came():
    assert fingerprint({"a": 1, "b": {"x", "y"}}) == fingerprint({"b": {"y", "x"}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint(Money("1.00", "EUR")) != fingerprint(Money("1.00", "USD"))
    assert fingerprint(Decimal("1.0")) == fingerprint(Decimal("1.0"))


@pytest.mark.parametrize("odd", [object(), Secret.value("s"), {"a": object()}])
def test_what_cannot_be_compared_is_refused(odd):
    with pytest.raises(InvalidRequestError) as caught:
        fingerprint([odd])
    assert caught.value.field == "arguments"


def test_arguments_without_end_are_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(InvalidRequestError):
        fingerprint(endless)


def test_a_result_comes_back_as_it_was_but_for_its_secrets():
    kept = recorded(THING, Thing)
    assert b"s3cret" not in kept
    assert replayed(kept, Thing) == msgspec.structs.replace(THING, key=None)


def test_what_is_no_value_cannot_be_kept():
    with pytest.raises(UnrecordableError, match="object cannot be recorded"):
        recorded({"a": object()}, dict)


def deep(levels):
    nested = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("half a pair \ud800", str),
        (deep(100_000), list),
        ({(1, 2): 3}, dict),
        ("x" * RESULT_BYTES_MAX, str),
        ("seven", int),
        (float("nan"), float),
        (Secret.value("s"), Secret),
    ],
)
def test_what_could_not_be_given_again_is_not_kept_and_told_with_one_error(result, kind):
    with pytest.raises(UnrecordableError):
        recorded(result, kind)


def test_a_result_without_end_is_not_kept():
    endless = {}
    endless["a"] = endless
    with pytest.raises(UnrecordableError, match="cannot be encoded"):
        recorded(endless, dict)


def test_a_result_whose_type_has_changed_since_is_told_as_such():
    with pytest.raises(UnrecordableError, match="declared type"):
        replayed(b'{"id": 1}', Thing)
