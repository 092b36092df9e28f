"""Header fields: what may stand on one line of an email, and the names that are the port's."""

import re
import unicodedata
from collections.abc import Mapping

from hardpoint.core.arguments import TEXT, expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.extras import text_pairs

LINE_CHARACTERS_MAX = 998
"""RFC 5322, 2.1.1."""
HEADERS_MAX = 50

_NAME = re.compile(r"[A-Za-z0-9_-]{1,76}", re.ASCII)
_VALUE = re.compile(r"[ -~]*[!-~]", re.ASCII)
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, NUL and DEL among them, halves of surrogates, and what Unicode calls line breaks."""
_OWN = frozenset(
    {
        "bcc",
        "cc",
        "date",
        "dkim-signature",
        "from",
        "message-id",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    }
)
_OWN_PREFIXES = ("arc-", "content-", "resent-")


def one_line(text: str) -> bool:
    """Whether a text can stand in a header without beginning another."""
    return _BREAKING.isdisjoint(map(unicodedata.category, text))


def checked_line(text: str, *, field: str, most: int = LINE_CHARACTERS_MAX) -> str:
    """A text that may stand in a header.

    Raises:
        InvalidRequestError: it holds a control character or line break, is blank or too long;
            nothing was sent.
    """
    expect(text, str, field, TEXT)
    if not one_line(text):
        raise InvalidRequestError("holds a control character or a line break", field=field)
    if not text.strip():
        raise InvalidRequestError("is empty", field=field)
    if len(text) > most:
        raise InvalidRequestError(f"has more than {most} characters", field=field)
    return text


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that a caller may add: printable ASCII, none that the port sets or a relay writes.

    Raises:
        InvalidRequestError: another name or value, naming it; nothing was sent.
    """
    if len(headers) > HEADERS_MAX:
        raise InvalidRequestError(f"has more than {HEADERS_MAX} items", field="headers")
    seen: set[str] = set()
    for name, value, field in text_pairs(headers, field="headers"):
        plain = name.lower()
        if not _NAME.fullmatch(name):
            raise InvalidRequestError("is not the name of a header", field=field)
        if plain in _OWN or plain.startswith(_OWN_PREFIXES):
            raise InvalidRequestError("cannot be set by the caller", field=field)
        if plain in seen:
            raise InvalidRequestError("stands twice", field=field)
        seen.add(plain)
        if not _VALUE.fullmatch(value):
            raise InvalidRequestError("is not printable ASCII", field=field)
        if len(name) + len(": ") + len(value) > LINE_CHARACTERS_MAX:
            raise InvalidRequestError("is too long for one line", field=field)
    return dict(headers)
