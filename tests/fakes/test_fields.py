from hardpoint.fakes.fields import Fields, nested


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
