"""Arguments of the public verbs: of another type they are refused by name, before anything is sent.

Type checkers say it sooner; not everybody has one.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from hardpoint.core.errors import InvalidRequestError

Kinds = type | tuple[type, ...]

TEXT: Final = "text"
PAIRS: Final = 'a mapping such as {"order": "1001"}'
BODY: Final = "the bytes as they came"
NUMBER: Final = "a number"
KINDS_OF_BYTES: Final = (bytes, bytearray, memoryview)

_HTTPS: Final = re.compile(r"https://[!-~]+", re.ASCII)
_URL_CHARACTERS_MAX: Final = 2048
_CONTROLS: Final = frozenset(map(chr, range(32))) - set("\n\r\t\f")


def expect(value: object, kinds: Kinds, field: str, wanted: str) -> None:
    """See that an argument is of a type that is taken.

    Args:
        value: as it was given.
        kinds: what is taken.
        field: the argument's name.
        wanted: what to write instead.

    Raises:
        InvalidRequestError: it is of another; nothing was sent.
    """
    if not isinstance(value, kinds):
        raise InvalidRequestError(f"is {type(value).__name__}; write {wanted}", field=field)


def extras_of(extra: Mapping[str, Mapping[str, object]], provider: str) -> Mapping[str, Any]:
    """What is passed on to a provider beside the port's own arguments.

    Raises:
        InvalidRequestError: it is no mapping of mappings.
    """
    wanted = f'{{"{provider}": {{...}}}}'
    expect(extra, Mapping, "extra", wanted)
    own = extra.get(provider, {})
    expect(own, Mapping, f"extra.{provider}", wanted)
    return own


def is_sendable(text: str) -> bool:
    """Whether a text has no control characters, and no half of a character."""
    return _CONTROLS.isdisjoint(text) and not any("\ud800" <= one <= "\udfff" for one in text)


def is_fetchable(url: str) -> bool:
    """Whether a provider may fetch it: https, a host, no credentials."""
    if len(url) > _URL_CHARACTERS_MAX or not _HTTPS.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc
