import re

import pytest

from hardpoint.fakes.fields import Fields, JsonFields, nested

SOMETHING = re.compile(r".+")


def test_bracket_keys_become_nested_mappings():
    pairs = [("a", "1"), ("b[c]", "2"), ("b[d][e]", "3"), ("f[0]", "4"), ("f[]", "5")]
    assert nested(pairs) == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": {"0": "4", "1": "5"},
    }


def test_what_nobody_took_is_left():
    fields = Fields({"a": "1", "b": {"c": "2"}, "d": "3"})
    assert fields.take("a") == "1"
    assert fields.take("a") is None
    assert fields.texts("b") == {"c": "2"}
    assert fields.texts("e") == {}
    assert fields.left() == ("d",)


def fields(values):
    return JsonFields(values, lambda problem, path: ValueError(f"{path}: {problem}"))


def test_an_object_is_read_field_by_field_and_refused_by_path():
    one = fields({"a": "x", "b": {"c": "y"}, "d": [{"e": "1"}, {"e": ""}], "f": {"g": "h"}})
    assert one.text("a", "no", SOMETHING) == "x"
    assert one.text_or_none("a", "no", SOMETHING) is None
    assert one.inner("b").text_or_none("c", "no", SOMETHING) == "y"
    assert one.inner_or_none("b") is None
    assert one.texts("f", "no") == {"g": "h"}
    assert one.texts("f", "no") == {}
    first, second = one.each("d")
    assert first.text("e", "no", SOMETHING) == "1"
    with pytest.raises(ValueError, match=r"^d\.1\.e: it is empty$"):
        second.text("e", "it is empty", SOMETHING)
    assert list(one.each("d")) == []
    one.finish()


@pytest.mark.parametrize(
    ("values", "read", "told"),
    [
        ([], lambda one: one, ": Bad Request"),
        ({"a": 1}, lambda one: one.inner("a"), "a: Bad Request"),
        ({"a": {"b": 1}}, lambda one: one.texts("a", "no"), "a: no"),
        ({"a": 1}, lambda one: one.text("a", "no", SOMETHING), "a: no"),
        ({"a": 1}, lambda one: one.finish(), "a: This fake does not know the field."),
        ({"a": {}}, lambda one: one.inner_or_none("a").text("b", "no", SOMETHING), "a.b: no"),
    ],
)
def test_what_is_not_as_the_vendor_has_it_is_refused(values, read, told):
    with pytest.raises(ValueError) as caught:
        read(fields(values))
    assert str(caught.value) == told
