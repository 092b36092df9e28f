"""What may be shown of a message: its shape, never its secrets or a person's data."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

MASK = "****"
_TEXT_CHARACTERS_MAX = 300
_CREDENTIAL = re.compile(
    r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]+"
    r"|\b(?:sk|rk|pk|whsec|key|token|secret)[_-][\w-]{6,}"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_DIGITS = re.compile(r"\+\d(?:[ ().-]?\d){6,}|\d(?:[ ().-]?\d){8,}")


def redacted_url(url: str) -> str:
    """A URL without user-info, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + (f"?{MASK}" if parts.query else "")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """A provider's words, fit for a log: printable, at most 300 characters, what is private masked.

    Args:
        text: as it came.
        secrets: what must not be in it, whatever it looks like.

    Masked as well: credentials, e-mail addresses and long numbers (cards, telephones).
    """
    for secret in secrets:
        text = text.replace(secret, MASK)
    for private in (_CREDENTIAL, _MAIL, _DIGITS):
        text = private.sub(MASK, text)
    text = "".join(one if one.isprintable() else " " for one in text)
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[: _TEXT_CHARACTERS_MAX - 1] + "…"


class Discreet(msgspec.Struct, frozen=True, kw_only=True):
    """A value whose `repr` keeps what is private to itself.

    `masks` says how a field is shown, by its name; None and all other fields are shown as they are.
    """

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {}

    def __repr__(self) -> str:
        facts = (f"{name}={self._shown(name)}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(facts)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        mask = self.masks.get(name)
        return repr(value) if mask is None or value is None else mask(value)


def length(text: str) -> str:
    """A text as no more than its length, `<18 characters>`."""
    return f"<{len(text)} characters>"
