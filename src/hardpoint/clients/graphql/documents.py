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
    r"|(?P<name>[_A-Za-z][_0-9A-Za-z]*+)|(?P<mark>[{}()\[\]])|(?P<sign>\.\.\.|[@:])|(?P<open>\")"
    r"|[^\"#_A-Za-z{}()\[\]@:.]++|\.",
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
        alone: whether it asks for one field, as far as can be told without fragments.
    """

    text: str
    kind: Kind
    name: str | None
    digest: str
    alone: bool = False


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
        names = ", ".join(str(name) for _, name, _ in found)
        raise InvalidRequestError(f"has several: say which of {names:.200}", field="operation")
    [(kind, name, fields)] = found
    digest = hashlib.sha256(text.encode()).hexdigest()
    return GraphQLDocument(text, kind, name, digest, alone=fields == 1)


_SEVERAL: Final = 2
_Operation = tuple[Kind, str | None, int]
"""Its kind, its name, and how many fields it asks for."""


def _operations(text: str) -> list[_Operation]:
    """Each operation, in order."""
    scan = _Scan()
    for token in _TOKEN.finditer(text):
        if token["open"]:
            raise InvalidRequestError("has a string that does not end", field="document")
        if token["name"]:
            scan.name(token["name"])
        elif token["sign"]:
            scan.sign(token["sign"])
        elif token["mark"]:
            scan.mark(token["mark"])
    scan.end()
    return scan.found


@final
class _Scan:
    """One way through a document.

    Attributes:
        found: the operations so far.
    """

    def __init__(self) -> None:
        self.found: list[_Operation] = []
        self._closing: list[str] = []
        self._words: list[str] = []
        self._fields = 0
        self._directive = False

    def name(self, text: str) -> None:
        """A name: of a definition, of a field, or of something deeper."""
        if not self._closing:
            self._words.append(text)
        elif self._closing == ["}"] and not self._directive:
            self._fields += 1
        self._directive = False

    def sign(self, text: str) -> None:
        """What makes a directive, a fragment or an alias of the name beside it."""
        self._directive = text == "@"
        if not self._closing:
            self._words.append(text)
        elif self._closing == ["}"]:
            self._fields += {"...": _SEVERAL, ":": -1}.get(text, 0)

    def mark(self, text: str) -> None:
        """What opens something, or closes it."""
        if text in _OPENS:
            if not self._closing and text == "{":
                self._fields = 0
            self._closing.append(_OPENS[text])
            return
        if not self._closing or self._closing.pop() != text:
            raise InvalidRequestError(f"has a {text} that opens nowhere", field="document")
        if not self._closing and text == "}":
            self.found.extend(_defined(self._words, self._fields))
            self._words = []

    def end(self) -> None:
        """There is no more."""
        if self._closing:
            raise InvalidRequestError(f"ends before its {self._closing[-1]}", field="document")


def _defined(words: list[str], fields: int) -> list[_Operation]:
    """What the words before a brace define: one operation, or none."""
    if not words:
        return [("query", None, fields)]
    first = words[0]
    if first == "fragment":
        return []
    if first not in _KINDS:
        raise InvalidRequestError(f"defines {first!r:.40}, which asks nothing", field="document")
    name = words[1] if len(words) > 1 and words[1].isidentifier() else None
    return [(first, name, fields)]
