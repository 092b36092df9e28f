"""Whoever looks for a vendor looks in one folder: its tokens stand nowhere else in our source."""

import ast
import io
import tokenize
from functools import cache
from pathlib import Path

import pytest

import hardpoint
from hardpoint.core.providers import provider, provider_names

SOURCE = Path(hardpoint.__file__).parent
EXEMPT = ("demo", "sync", "resilience/recognition.py", "audit")
"""The demo tells a story about one vendor; `sync` is generated; the clients that users' own code
calls, vendors' SDKs among them, are known by the names of their classes, and so are those in code
that the audit looks at."""

_WORDS = ("aws4-hmac-sha256", "aws4_request", '"aws4{', "x-amz-", "xamzcontentsha256mismatch")
ALGORITHM = {"http/sigv4.py": _WORDS, "fakes/sigv4.py": _WORDS}
"""The words of an algorithm that several vendors take, though one of them has named it."""


@cache
def lowered(path: Path) -> str:
    """All of a file, to pass over most of them without reading their code."""
    return path.read_text().lower()


@cache
def code_of(source: str) -> dict[int, str]:
    """What is neither comment nor docstring, by line, in lower case."""
    prose = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = dict(enumerate(source.lower().splitlines(), 1))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line] = lines[line][:column]
    for line in prose:
        del lines[line]
    return lines


def test_prose_is_told_from_code() -> None:
    source = '''"""Acme in a docstring."""
import acme  # acme in a comment
NAME: str = "x"
"""Acme below an attribute."""
HEADER = "X-Acme-Signature"
def f():
    """Acme."""
    return Acme.call(acme=1)
'''
    found = [line for line, text in code_of(source).items() if "acme" in text]
    assert found == [2, 5, 8]


def unclaimed(path: Path, text: str) -> str:
    """A line without the words that the vendor of its folder declares as its own.

    One vendor's word may hold another's: SendGrid's headers bear the name of Twilio, which owns it.
    """
    for word in ALGORITHM.get(str(path.relative_to(SOURCE)), ()):
        text = text.replace(word, "")
    place = path.relative_to(SOURCE).parts
    if place[0] == "providers" and place[1] in provider_names():
        for token in provider(place[1]).tokens:
            text = text.replace(token, "")
    return text


def files_outside(name: str) -> list[Path]:
    own = SOURCE / "providers" / name
    return [
        path
        for path in sorted(SOURCE.rglob("*.py"))
        if not any(path.is_relative_to(SOURCE / one) for one in (own, *EXEMPT))
    ]


@pytest.mark.parametrize("name", provider_names())
def test_a_vendors_tokens_stand_in_its_own_folder_only(name: str) -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {token}"
        for path in files_outside(name)
        for token in provider(name).tokens
        if token in lowered(path)
        for line, text in code_of(path.read_text()).items()
        if token in text and token in unclaimed(path, text)
    ]
    assert not found, "move it to the provider's folder"
