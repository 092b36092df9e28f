"""What schemes are made of: prepared keys, strict grammar and bounded work, all on bytes.

Nothing of a request is decoded before its signature holds: our own signature is spelled out and
compared with the text received, so that one signature has one spelling.
"""

import hashlib
import hmac
from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, final

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    StaleTimestampError,
)
from hardpoint.core.secrets import Secret

SECRETS_MAX = 4
"""Live secrets of one source: a rotation needs two, a forged request costs one HMAC for each."""
HEADER_BYTES_MAX = 8 * 1024
CANDIDATES_MAX = 16
"""Signatures looked at in one request; senders send one for each live key."""
HMAC_US = 5.0
"""About what one costs of a small body; see `Scheme.refusal_us`."""
TOLERANCE = 300
TOLERANCE_MAX = 24 * 60 * 60

_TIMESTAMP_DIGITS_MAX = 12
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))

KeyType = TypeVar("KeyType")


@final
class HmacKey:
    """HMAC (RFC 2104) with both halves of the key hashed once, not once for each request.

    The body is fed as it is, never joined with what is signed before it. The key itself is not
    kept.

    Args:
        key: any bytes.
        algorithm: of `hashlib`; SHA-256, unless a vendor signs with another.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, algorithm: str = "sha256") -> None:
        block = hashlib.new(algorithm).block_size
        if len(key) > block:
            key = hashlib.new(algorithm, key).digest()
        padded = key.ljust(block, b"\0")
        self._inner = hashlib.new(algorithm, padded.translate(_INNER)).copy
        self._outer = hashlib.new(algorithm, padded.translate(_OUTER)).copy

    def digest(self, prefix: bytes, body: bytes, suffix: bytes = b"") -> bytes:
        """The HMAC of prefix, body and suffix, as long as the algorithm makes it."""
        inner = self._inner()
        if prefix:
            inner.update(prefix)
        inner.update(body)
        if suffix:
            inner.update(suffix)
        outer = self._outer()
        outer.update(inner.digest())
        return outer.digest()


def matching_key(
    keys: Iterable[tuple[int, HmacKey]],
    prefix: bytes,
    body: bytes,
    candidates: Sequence[bytes],
    spell: Callable[[bytes], bytes] = hexlify,
    *,
    suffix: bytes = b"",
    equal: Callable[[bytes, bytes], bool] = hmac.compare_digest,
) -> int | None:
    """The number of the key that made one of the candidates, if one did.

    A forged request has every key tried on every candidate, whichever comes close.

    Args:
        keys: the live ones, each with its place among the secrets.
        prefix: what is signed before the body.
        body: what is signed.
        candidates: signatures as received.
        spell: how a scheme writes what the key makes.
        suffix: what is signed after the body.
        equal: compares in constant time.
    """
    for number, key in keys:
        expected = spell(key.digest(prefix, body, suffix))
        for candidate in candidates:
            if equal(candidate, expected):
                return number
    return None


def timestamp(text: bytes) -> int:
    """A signed time in Unix seconds: ASCII digits alone, no sign, fraction or exponent.

    Raises:
        MalformedRequestError: anything else.
    """
    if not text.isdigit() or len(text) > _TIMESTAMP_DIGITS_MAX:
        raise MalformedRequestError("the signed time is not 1 to 12 digits")
    return int(text)


def check_age(signed_at: int, now: float, tolerance: float) -> None:
    """Refuse a signature too old or too far ahead; the edge itself is within.

    Raises:
        StaleTimestampError: it is.
    """
    age = now - signed_at
    if -tolerance <= age <= tolerance:
        return
    if age > 0:
        raise StaleTimestampError(
            f"signed {age:.0f} s ago, {age - tolerance:.0f} s more than the {tolerance:g} s allowed"
        )
    raise StaleTimestampError(
        f"signed {-age:.0f} s in the future, more than the {tolerance:g} s allowed"
    )


def signature_in(value: bytes | None, name: bytes) -> bytes:
    """The value of the header that holds the signature.

    Raises:
        MissingSignatureError: there is none.
        MalformedRequestError: it is empty, or longer than any vendor's.
    """
    if value is None:
        raise MissingSignatureError(f"the request has no {name.decode()} header")
    if not 0 < len(value) <= HEADER_BYTES_MAX:
        problem = "too long" if value else "empty"
        raise MalformedRequestError(f"the {name.decode()} header is {problem}")
    return value


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a secret does not suit a scheme: said as a value, so that no traceback holds the text.

    Attributes:
        problem: what is wrong with its shape; never the text itself.
        fix: where the right one is found.
    """

    problem: str
    fix: str | None = None


def prepare(
    secrets: Sequence[Secret], make: Callable[[str], KeyType | Unfit]
) -> tuple[tuple[int, KeyType], ...]:
    """One key from each live secret, each with its place among them.

    Args:
        secrets: the live ones, newest first.
        make: a key from the text, or why it cannot be one.

    Raises:
        ConfigurationError: none, too many, or one that is missing, blank or unfit; it names
            `secrets[i]`, never a value.
    """
    if not 0 < len(secrets) <= SECRETS_MAX:
        raise ConfigurationError(
            "secrets",
            f"names {len(secrets)} secrets; 1 to {SECRETS_MAX} may be live at a time",
            fix="Drop those the vendor no longer signs with" if secrets else None,
        )
    return tuple(
        (number, _prepared(f"secrets[{number}]", secret, make))
        for number, secret in enumerate(secrets)
    )


def _prepared(key: str, secret: Secret, make: Callable[[str], KeyType | Unfit]) -> KeyType:
    try:
        made = make(secret.reveal())
    except ConfigurationError as error:
        problem = error.problem if error.key == "value" else f"{error.key}: {error.problem}"
        raise ConfigurationError(key, problem, fix=error.fix) from None
    if isinstance(made, Unfit):
        raise ConfigurationError(key, made.problem, fix=made.fix)
    return made


def check_tolerance(tolerance: object) -> float:
    """The window around a signed time, in seconds.

    Raises:
        ConfigurationError: not a number from 1 s to one day.
    """
    if isinstance(tolerance, int | float) and 1 <= tolerance <= TOLERANCE_MAX:
        return tolerance
    raise ConfigurationError(
        "tolerance", f"is {tolerance!r}, not seconds from 1 to {TOLERANCE_MAX}"
    )
