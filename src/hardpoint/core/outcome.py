"""What may be done again: the class of an operation, and the keys that make a repeat harmless."""

import base64
from dataclasses import dataclass
from enum import Enum
from typing import final

from hardpoint.core.errors import InvalidRequestError

KEY_CHARACTERS_MAX = 1024
_DERIVED = "hp1-"
_DERIVED_LENGTH_MIN = 25  # 21 characters of base32 are 105 bits: no two keys meet by chance
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:")


class Repeat(Enum):
    """What happens when a provider gets the same call twice."""

    SAFE = "safe"
    """Nothing: it only reads. Its outcome is never unknown."""
    IDEMPOTENT = "idempotent"
    """The same as once: it sets a state."""
    NEEDS_KEY = "needs_key"
    """Once with an idempotency key that the provider honours; twice without."""
    NEVER = "never"
    """It acts twice, whatever we send along."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and every call looks one up


@final
@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of a port, `Operation("capture", Repeat.NEEDS_KEY)`."""

    name: str
    repeat: Repeat


def checked_key(key: str) -> str:
    """An idempotency key as a caller may give it.

    Raises:
        InvalidRequestError: no text, empty, blank, too long, or not printable.
    """
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
        raise InvalidRequestError(
            f"the key is not a string but {type(key).__name__}; use str(...)",
            field="idempotency_key",
        )
    if not key.strip() or not key.isprintable() or len(key) > KEY_CHARACTERS_MAX:
        raise InvalidRequestError(
            f"the key is not 1 to {KEY_CHARACTERS_MAX} printable characters",
            field="idempotency_key",
        )
    return key


def derived_key(operation: str, key: str, *, length_max: int) -> str:
    """The key a provider sees: the same for the same operation and key, and for no others.

    `operation:key` as it stands where that fits and is plain ASCII, otherwise `hp1-` and as much
    of its SHA-256 in base32 as fits. The two forms never meet, since nothing that starts with
    `hp1-` is passed on as it stands.

    Args:
        operation: so that one key may serve a payment and its refund.
        key: the caller's.
        length_max: the provider's limit, at least 25.
    """
    text = f"{operation}:{key}"
    if len(text) <= length_max and not text.startswith(_DERIVED) and _PLAIN.issuperset(text):
        return text
    if length_max < _DERIVED_LENGTH_MIN:
        raise ValueError(f"no key of {length_max} characters is safe from a repeat by chance")
    import hashlib  # loads OpenSSL; a key that fits does without

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    code = base64.b32encode(digest).decode().rstrip("=").lower()
    return (_DERIVED + code)[:length_max]
