"""The arguments of a port behind a provider's paths."""

import pytest

from hardpoint.http.arguments import ArgumentPaths, without_places
from hardpoint.http.errors import Problem

PATHS = ArgumentPaths({"who.to": "to", "text": "body"}, lists={"to"}, root="who.0")


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("who.0.to.3.email", "to[3]"),
        ("who.0.to", "to"),
        ("text.2.value", "body"),
        ("who.0", None),
        ("elsewhere", None),
        ("", None),
        (None, None),
        ("." * 9, None),
    ],
)
def test_a_path_leads_to_the_argument_that_its_beginning_names(
    field: str | None, argument: str | None
) -> None:
    assert PATHS(Problem(status=400, field=field)) == argument


def test_the_code_stands_in_where_no_field_is_named() -> None:
    assert PATHS(Problem(status=400, code="text")) == "body"
    assert without_places("who.0.to.12.email") == "who.to.email"
