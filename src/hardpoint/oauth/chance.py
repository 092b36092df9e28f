"""Secrets of chance that a browser holds, and what we keep of them: never the secret itself.

They have 256 bits, so that a plain hash tells nothing of them; a pepper would protect nothing more.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

Entropy = Callable[[int], bytes]
"""Gives so many bytes that nobody can guess."""

ENTROPY: Final[Entropy] = os.urandom
_BYTES = 32


def secret(entropy: Entropy) -> str:
    """43 characters that nobody can guess, fit for a cookie, a URL, and RFC 7636 4.1."""
    return _text(entropy(_BYTES))


def digest(text: str) -> str:
    """What is kept of a secret, to know it again: 64 characters."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def derived(salt: bytes, held: str, purpose: str) -> str:
    """A secret that follows from what we keep and what a browser holds, and from neither alone."""
    message = f"{purpose}\0{held}".encode("utf-8", "replace")
    return _text(hmac.digest(salt, message, "sha256"))


def equal(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that tells nothing of either."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
