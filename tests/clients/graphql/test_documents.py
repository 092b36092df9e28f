"""What a document does, told from its text."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.clients.graphql.documents import CHARACTERS_MAX, document_of
from hardpoint.core.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("{ products { title } }", "query", None),
        ("\ufeff# mutation M {\n{ a }", "query", None),
        ("query All($first: Int = 1) @live { all(first: $first) { a } }", "query", "All"),
        ("query ($a: In = { b: { c: 1 } }) { a }", "query", None),
        ("mutation Refund($id: ID!) { refund(id: $id) { id } }", "mutation", "Refund"),
        ("mutation{refund}", "mutation", None),
        ("query @inContext(country: FR) { a }", "query", None),
        ("query Q @inContext(country: FR) { a }", "query", "Q"),
        ("subscription Orders { orders { id } }", "subscription", "Orders"),
        ("fragment F on Product { title } query Q { ...F }", "query", "Q"),
        ('query Q { a(text: "} mutation M {") { b } }', "query", "Q"),
        ('query Q { a(text: "\\" } mutation M {") { b } }', "query", "Q"),
        ('query Q { a(text: """ " \\""" } mutation M { """) { b } }', "query", "Q"),
        ("query mutation { mutation { query } }", "query", "mutation"),
    ],
)  # fmt: skip
def test_the_kind_is_what_the_server_will_do(text, kind, name):
    found = document_of(text, None)
    assert (found.kind, found.name, found.text) == (kind, name, text)


def test_one_of_several_is_chosen_by_its_name():
    text = "query A { a } mutation B { b } { c }"
    assert document_of(text, "B").kind == "mutation"
    assert document_of(text, "A").kind == "query"


@pytest.mark.parametrize(
    ("text", "operation", "field", "words"),
    [
        ("", None, "document", "no operation"),
        ("fragment F on P { a }", None, "document", "no operation"),
        ("query A { a } query B { b }", None, "operation", "say which of A, B"),
        ("query A { a }", "B", "document", "no operation 'B'"),
        ("query A { a", None, "document", "ends before its }"),
        ("query A ( a }", None, "document", "opens nowhere"),
        ("query A }", None, "document", "opens nowhere"),
        ('query A { a(b: "c) }', None, "document", "string that does not end"),
        ("type Query { a: Int }", None, "document", "defines 'type'"),
        ("query A { a }" + " " * CHARACTERS_MAX, None, "document", "characters"),
    ],
)
def test_what_asks_nothing_is_refused(text, operation, field, words):
    with pytest.raises(InvalidRequestError, match=words) as caught:
        document_of(text, operation)
    assert caught.value.field == field


NAMES = st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,8}", fullmatch=True)
NOISE = st.sampled_from(
    ["", " ", ",", "\n", "# mutation M { a }\n", '# } "\n', "\ufeff", '\t# """\n']
)  # fmt: skip
VALUES = st.sampled_from(
    ['"}"', '"\\""', '"""} "" \\""" {"""', '""', '""""""', "1", "{ a: [1, { b: 2 }] }", "$x", "M"]
)  # fmt: skip


@given(
    kinds=st.lists(st.sampled_from(["query", "mutation", "subscription"]), min_size=1, max_size=4),
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    noise=NOISE,
    value=VALUES,
    pick=st.integers(0, 3),
)
def test_noise_and_values_never_change_what_is_read(kinds, names, noise, value, pick):
    text = noise.join(
        f"{kind} {noise} {name} {noise}(${name}: A = {value}) {{ a(b: {value}) {noise} {{ c }} }}"
        for kind, name in zip(kinds, names, strict=False)
    )
    at = pick % len(kinds)
    found = document_of(text, names[at])
    assert (found.kind, found.name) == (kinds[at], names[at])


@given(st.text(alphabet='{}()[]"\\#\n a_mutationquery,$:@!', max_size=200))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InvalidRequestError):
        assert document_of(text, None).text == text
