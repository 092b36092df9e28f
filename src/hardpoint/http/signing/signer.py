"""What every way of signing is: a request in, the headers that prove it out."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from hardpoint.core.errors import ConfigurationError, UnsupportedError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import BodyStream, Request

HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
KEY_ENCODINGS: Final = ("text", "hex", "base64")


class RequestProof(Protocol):
    """Signs requests; secrets are read at each use, so that they can rotate."""

    def signed(
        self, request: Request, *, now: float, nonce: Callable[[], str]
    ) -> Sequence[tuple[str, str]]:
        """The headers that prove it, to be sent beside its own.

        Args:
            request: as it will be sent, but for them.
            now: Unix seconds.
            nonce: makes a text that was never there before.

        Raises:
            ConfigurationError: a key is missing, or is none.
            UnsupportedError: the body comes in pieces, and this way of signing has to know it.
        """
        ...

    def secrets(self) -> Sequence[str]:
        """What must not be shown if a provider quotes it."""
        ...


def whole_body(request: Request) -> bytes:
    """The bytes that are signed.

    Raises:
        UnsupportedError: they are not there yet.
    """
    if isinstance(request.body, BodyStream):
        raise UnsupportedError("a body that comes in pieces cannot be signed; nothing was sent")
    return request.body


def key_bytes(secret: Secret, encoding: str) -> bytes:
    """A secret as the bytes of a key.

    Raises:
        ConfigurationError: it is not encoded so.
    """
    text = secret.reveal()
    try:
        match encoding:
            case "hex":
                return bytes.fromhex(text)
            case "base64":
                return base64.b64decode(text, validate=True)
            case _:
                return text.encode()
    except (ValueError, binascii.Error):
        raise ConfigurationError(secret.reference, f"is not {encoding}") from None


def header_of(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """A header's values as one; None where it is absent."""
    values = [value.strip() for one, value in headers if one.lower() == name]
    return ", ".join(values) if values else None


def chosen(key: str, value: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """A setting, if it is one of those that are known.

    Raises:
        ConfigurationError: it is not.
    """
    if value not in known:
        raise ConfigurationError(key, f"is {value!r:.40}", fix=f"One of {', '.join(known)}")
    return value


def checked_header(key: str, name: str) -> str:
    """The name of a header.

    Raises:
        ConfigurationError: HTTP has no such name.
    """
    if not HEADER_NAME.fullmatch(name):
        raise ConfigurationError(key, "is not the name of a header")
    return name
