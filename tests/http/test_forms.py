from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.fakes.fields import nested
from hardpoint.fakes.messages import Received
from hardpoint.http.forms import FormPart, encode, multipart, pairs

NAMES = st.text("abcä1", min_size=1, max_size=4)
TEXTS = st.text(max_size=6)
BRANCHES = st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3)
TREES = st.dictionaries(NAMES, TEXTS | BRANCHES, min_size=1, max_size=3)


def test_nested_values_get_bracket_keys():
    form = {"a": {"b": 1}, "c": ["x", {"d": True}], "e": None, "f": False, "g": ("y",)}
    assert encode(form) == b"a[b]=1&c[0]=x&c[1][d]=true&f=false&g[0]=y"


def test_values_are_percent_encoded():
    assert encode({"a b": "1&2=3 größe"}) == b"a+b=1%262%3D3+gr%C3%B6%C3%9Fe"


@pytest.mark.parametrize("value", [1.5, b"x", object()])
def test_a_value_without_an_exact_text_is_refused_by_name(value):
    with pytest.raises(InvalidRequestError, match="cannot hold") as caught:
        list(pairs({"a": {"b": value}}))
    assert caught.value.field == "a[b]"


def within_itself():
    form = {}
    form["a"] = form
    return form


@pytest.mark.parametrize(
    "form",
    [
        {"a": "secret\ud800"},
        {"a\ud800": "b"},
        {"a": 10**5000},
        {1: "a"},
        {"a": {"b": {"c": within_itself()}}},
        [("a", "b")],
    ],
    ids=["half", "name", "digits", "key", "itself", "pairs"],
)
def test_what_no_form_holds_is_refused_without_being_shown(form):
    with pytest.raises(InvalidRequestError) as caught:
        encode(form)
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


def test_names_and_texts_are_refused_alike():
    for form in ({"a": 10**5000}, {"a": within_itself()}):
        with pytest.raises(InvalidRequestError):
            pairs(form)


@given(TREES)
def test_any_tree_of_texts_comes_back(tree):
    assert nested(parse_qsl(encode(tree).decode(), keep_blank_values=True)) == tree


@given(st.text(max_size=8), st.text(max_size=8))
def test_names_and_values_are_quoted_as_forms_are(name, value):
    quoted = f"{quote_plus(name, safe='[]')}={quote_plus(value)}"
    assert encode({name: value}).decode() == quoted


def test_lists_may_repeat_their_name():
    form = {"To": "+1", "MediaUrl": ["a", "b"], "deep": {"x": [1, 2]}, "none": None}
    assert encode(form, repeat=True) == b"To=%2B1&MediaUrl=a&MediaUrl=b&deep[x]=1&deep[x]=2"


def received(parts):
    kind, body = multipart(parts)
    return Received(method="POST", target="/", headers={"content-type": kind}, body=body)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=3))
def test_parts_of_a_form_arrive_as_they_were_sent(contents):
    parts = [FormPart(name=f"p{place}", content=one) for place, one in enumerate(contents)]
    assert [content for _, content in received(parts).parts()] == contents


def test_a_part_says_what_it_is_called_and_of_what_kind_it_is():
    said = FormPart(name="said", content=b"{}", kind="application/json")
    file = FormPart(name="file", content=b"a\r\n--b", filename='o"dd\r\nX-Evil: 1.txt')
    (first, _), (second, _) = received([said, file]).parts()
    assert first == (
        'content-disposition: form-data; name="said"\r\ncontent-type: application/json'
    )
    assert 'name="file"; filename="o%22dd%0D%0AX-Evil: 1.txt"' in second
    assert received([said, file]).upload() == ({"said": "{}"}, b"a\r\n--b")
