"""What is found of the corpus, half of whose bad snippets are older than the rules."""

import pytest

from .snippets import EXPECTED, Snippet, certain, snippets

BAD = [(file, one) for file in ("bad_first", "bad_second") for one in snippets(file)]


def test_there_are_enough_of_each() -> None:
    first, second = (list(snippets(one)) for one in ("bad_first", "bad_second"))
    assert (len(first) >= 40, len(second) >= 40, len(list(snippets("good"))) >= 80) == (True,) * 3
    assert {one.name for one in first} == EXPECTED["bad_first"].keys()
    assert {one.name for one in second} == EXPECTED["bad_second"].keys()


@pytest.mark.parametrize(("file", "snippet"), BAD, ids=str)
def test_a_bad_snippet_is_found_by_its_rule(file: str, snippet: Snippet) -> None:
    assert EXPECTED[file][snippet.name] in {one.rule for one in certain(snippet.path, snippet.code)}


@pytest.mark.parametrize("snippet", list(snippets("good")), ids=str)
def test_a_good_snippet_is_let_be(snippet: Snippet) -> None:
    assert certain(snippet.path, snippet.code) == []
