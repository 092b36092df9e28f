"""How a key is written, so that a scanner of secrets can find it, and a typo breaks it.

hpk _ 11 characters _ 43 characters 6 characters
brand  finds it        256 bits      checksum of all before
"""

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from zlib import crc32

from hardpoint.core.errors import ConfigurationError

BRAND: Final = "hpk"
KEY_CHARACTERS_MAX: Final = 128
"""No key is longer; what is gets no hash taken of it."""

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BRAND: Final = re.compile(r"[a-z][a-z0-9]{1,15}", re.ASCII)
_PREFIX_BYTES, _PREFIX_LENGTH = 8, 11
_SECRET_BYTES, _SECRET_LENGTH = 32, 43
_CHECK_LENGTH: Final = 6


def checked_brand(brand: str, *, key: str = "brand") -> str:
    """The word that every key begins with.

    Raises:
        ConfigurationError: it cannot stand there.
    """
    if not _BRAND.fullmatch(brand):
        raise ConfigurationError(
            key, "is no word to begin a key with", fix="2 to 16 small letters and digits: acme"
        )
    return brand


def new_key(brand: str, entropy: Callable[[int], bytes]) -> tuple[str, str]:
    """A key that was never there before, and what it begins with.

    Args:
        brand: what it begins with.
        entropy: `os.urandom`.
    """
    prefix = f"{brand}_{_written(entropy(_PREFIX_BYTES), _PREFIX_LENGTH)}"
    text = f"{prefix}_{_written(entropy(_SECRET_BYTES), _SECRET_LENGTH)}"
    return text + _check(text), prefix


def prefix_of(text: str, brand: str) -> str | None:
    """What finds a key, and may be shown; None where the text was never a key of ours."""
    if len(text) > KEY_CHARACTERS_MAX or not _form(brand).fullmatch(text):
        return None
    if _check(text[:-_CHECK_LENGTH]) != text[-_CHECK_LENGTH:]:
        return None
    return text[: len(brand) + 1 + _PREFIX_LENGTH]


def hash_of(text: str) -> bytes:
    """What is kept of a key. It is 256 bits of chance: nobody can guess what has this hash."""
    return sha256(text[: KEY_CHARACTERS_MAX + 1].encode("utf-8", "replace")).digest()


def is_hash_of(kept: bytes, text: str) -> bool:
    """Whether a text is the key that a hash was kept of, told in the same time either way."""
    return compare_digest(kept, hash_of(text))


@cache
def _form(brand: str) -> re.Pattern[str]:
    secret = _SECRET_LENGTH + _CHECK_LENGTH
    return re.compile(rf"{brand}_[0-9A-Za-z]{{{_PREFIX_LENGTH}}}_[0-9A-Za-z]{{{secret}}}", re.ASCII)


def _check(text: str) -> str:
    return _written(crc32(text.encode()).to_bytes(4, "big"), _CHECK_LENGTH)


def _written(content: bytes, length: int) -> str:
    number, digits = int.from_bytes(content, "big"), ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
