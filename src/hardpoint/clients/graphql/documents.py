"""What a document asks for: read, acting, or a stream; told before anything is sent.

A server does what the operation says, whatever the caller believed, so the kind is read from the
text itself. Only what decides that is looked at: the server checks the rest.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final, Literal, final

import msgspec

from hardpoint.core.errors import InvalidRequestError

Kind = Literal["query", "mutation", "subscription"]
CHARACTERS_MAX: Final = 256 * 1024

_KINDS: Final = ("query", "mutation", "subscription")
_TOKEN: Final = re.compile(  # GraphQL, October 2021, 2.1; possessive: no text is looked at twice
    r'"""(?:\\"""|[^"]|"(?!""))*+"""|"(?:[^"\\\n\r]|\\[^\n\r])*+"|#[^\n\r]*+'
    r"|(?P<name>[_A-Za-z][_0-9A-Za-z]*+)|(?P<mark>[{}()\[\]])|(?P<open>\")|[^\"#_A-Za-z{}()\[\]]++",
    re.ASCII,
)
_OPENS: Final = {"{": "}", "(": ")", "[": "]"}


@final
class GraphQLDocument(msgspec.Struct, frozen=True):
    """One operation of a document.

    Attributes:
        text: the whole document, as it is sent.
        kind: what the operation does.
        name: its name; None where it has none.
        digest: SHA-256 of the text, in hexadecimal: what a persisted query is known by.
    """

    text: str
    kind: Kind
    name: str | None
    digest: str


@lru_cache(maxsize=512)
def document_of(text: str, operation: str | None) -> GraphQLDocument:
    """The operation that is meant.

    Args:
        text: a document with executable definitions.
        operation: which, where it has several.

    Raises:
        InvalidRequestError: it is too long, cannot be read, or has no such operation.
    """
    if len(text) > CHARACTERS_MAX:
        raise InvalidRequestError(f"has over {CHARACTERS_MAX} characters", field="document")
    found = _operations(text)
    if operation is not None:
        found = [one for one in found if one[1] == operation]
    if not found:
        wanted = "no operation" if operation is None else f"no operation {operation!r:.80}"
        raise InvalidRequestError(f"has {wanted}", field="document")
    if len(found) > 1:
        names = ", ".join(str(name) for _, name in found)
        raise InvalidRequestError(f"has several: say which of {names:.200}", field="operation")
    [(kind, name)] = found
    return GraphQLDocument(text, kind, name, hashlib.sha256(text.encode()).hexdigest())


def _operations(text: str) -> list[tuple[Kind, str | None]]:
    """Each operation's kind and name, in order."""
    found: list[tuple[Kind, str | None]] = []
    closing: list[str] = []
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["open"]:
            raise InvalidRequestError("has a string that does not end", field="document")
        if name := token["name"]:
            if not closing:
                words.append(name)
        elif mark := token["mark"]:
            if mark in _OPENS:
                if not closing and mark == "{":
                    found.extend(_defined(words))
                    words = []
                closing.append(_OPENS[mark])
            elif not closing or closing.pop() != mark:
                raise InvalidRequestError(f"has a {mark} that opens nowhere", field="document")
    if closing:
        raise InvalidRequestError(f"ends before its {closing[-1]}", field="document")
    return found


def _defined(words: list[str]) -> list[tuple[Kind, str | None]]:
    """What the words before a brace define: one operation, or none."""
    if not words:
        return [("query", None)]
    first = words[0]
    if first == "fragment":
        return []
    if first not in _KINDS:
        raise InvalidRequestError(f"defines {first!r:.40}, which asks nothing", field="document")
    name = words[1] if len(words) > 1 else None
    return [(first, name)]
