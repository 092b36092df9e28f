"""HMAC over what a template says of a request: how most vendors sign that have a way of their own.

HmacSigner(
    secret,
    signed="{timestamp}{method}{path}{body}",
    header="X-Signature",
    timestamp_header="X-Timestamp",
)
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Final, final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.signer import (
    KEY_ENCODINGS,
    checked_header,
    chosen,
    header_of,
    key_bytes,
    whole_body,
)

_ALGORITHMS: Final = ("sha256", "sha512", "sha384", "sha1")
_ENCODINGS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda made: base64.b64encode(made).decode(),
    "base64url": lambda made: base64.urlsafe_b64encode(made).rstrip(b"=").decode(),
}
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")
_HEADER: Final = re.compile(r"header:([a-z0-9-]{1,64})", re.ASCII)
_OF_THE_REQUEST: Final = frozenset(
    {"body", "body_sha256", "body_sha512", "method", "path", "query", "target", "url"}
)
_PARTS: Final = _OF_THE_REQUEST | {"date", "host", "nonce", "timestamp", "timestamp_ms", "user"}
_TELLING: Final = ("date", "nonce", "timestamp", "timestamp_ms")
"""What the other side cannot know unless it is sent along."""


@final
class HmacSigner:
    """Signs by a template.

    Args:
        secret: the key.
        signed: what is signed: literal text and parts in braces: `method`, `host`, `path`, `query`
            (without its question mark), `target` (path and query), `url`, `body`, `body_sha256`,
            `body_sha512` (in hex), `timestamp` (Unix seconds), `timestamp_ms`, `date`, `nonce`,
            `user`, `header:NAME`. Braces of literal text are doubled.
        header: where the signature stands.
        value: what stands there: literal text, `signature`, and the parts that are sent along.
        algorithm: `sha256`, `sha512`, `sha384` or `sha1`.
        encoding: of the signature: `hex`, `base64` or `base64url`.
        key_encoding: of the secret: `text`, `hex` or `base64`.
        user: what the vendor knows the key by, where it is to be told.
        timestamp_header, nonce_header: where these are sent.

    Raises:
        ConfigurationError: a template that signs nothing of the request, or what is not sent along;
            or a part, an algorithm or an encoding that we do not know.
    """

    def __init__(
        self,
        secret: Secret,
        *,
        signed: str,
        header: str,
        value: str = "{signature}",
        algorithm: str = "sha256",
        encoding: str = "hex",
        key_encoding: str = "text",
        user: str | None = None,
        timestamp_header: str | None = None,
        nonce_header: str | None = None,
    ) -> None:
        self._secret = secret
        self._signed = _parts("signed", signed, _PARTS)
        self._value = _parts("value", value, {"signature", "user", *_TELLING})
        self._header = checked_header("header", header)
        self._algorithm = chosen("algorithm", algorithm, _ALGORITHMS)
        self._encode = _ENCODINGS[chosen("encoding", encoding, _ENCODINGS)]
        self._key_encoding = chosen("key_encoding", key_encoding, KEY_ENCODINGS)
        self._user = user or ""
        self._beside: list[tuple[str, str]] = []
        named = {name for name, _ in self._signed}
        sent = {name for name, _ in self._value}
        for key, name in (("timestamp_header", timestamp_header), ("nonce_header", nonce_header)):
            if name is not None:
                what = "nonce" if key == "nonce_header" else _time_of(named)
                self._beside.append((checked_header(key, name), what))
                sent.add(what)
        _check(named, sent, user)

    def signed(
        self, request: Request, *, now: float, nonce: Callable[[], str]
    ) -> Sequence[tuple[str, str]]:
        """The signature, and what of it the other side cannot know."""
        facts = {
            "timestamp": f"{int(now)}",
            "timestamp_ms": f"{int(now * 1000)}",
            "date": formatdate(now, usegmt=True),
            "nonce": nonce(),
            "user": self._user,
        }
        text = b"".join(self._part(name, literal, request, facts) for name, literal in self._signed)
        key = key_bytes(self._secret, self._key_encoding)
        made = hmac.new(key, text, self._algorithm).digest()
        facts["signature"] = self._encode(made)
        value = "".join(facts[name] if name else literal for name, literal in self._value)
        return ((self._header, value), *((name, facts[what]) for name, what in self._beside))

    def secrets(self) -> Sequence[str]:
        """The key."""
        return (self._secret.reveal(),)

    def _part(self, name: str, literal: str, request: Request, facts: Mapping[str, str]) -> bytes:
        if not name:
            return literal.encode()
        if name in facts:
            return facts[name].encode()
        read = _READ.get(name)
        if read is not None:
            return read(request)
        return (header_of(request.headers, name.partition(":")[2]) or "").encode("latin-1")


def _target(request: Request) -> bytes:
    url = urlsplit(request.url)
    return f"{url.path or '/'}{'?' if url.query else ''}{url.query}".encode()


_READ: Final[Mapping[str, Callable[[Request], bytes]]] = {
    "method": lambda request: request.method.encode(),
    "host": lambda request: urlsplit(request.url).netloc.encode(),
    "path": lambda request: (urlsplit(request.url).path or "/").encode(),
    "query": lambda request: urlsplit(request.url).query.encode(),
    "target": _target,
    "url": lambda request: request.url.encode(),
    "body": whole_body,
    "body_sha256": lambda request: hashlib.sha256(whole_body(request)).hexdigest().encode(),
    "body_sha512": lambda request: hashlib.sha512(whole_body(request)).hexdigest().encode(),
}
"""What each part of a request is; a header is looked for by its name."""


def _parts(key: str, template: str, known: "frozenset[str] | set[str]") -> list[tuple[str, str]]:
    """A template taken apart: names, or no name and a literal."""
    parts: list[tuple[str, str]] = []
    for found in _PIECE.finditer(template):
        name, text = found[1], found[0]
        if name is None:
            if text in {"{", "}"}:
                raise ConfigurationError(key, f"has a brace alone at {found.start()}")
            parts.append(("", {"{{": "{", "}}": "}"}.get(text, text)))
            continue
        lower = name.lower()
        if lower not in known and not (key == "signed" and _HEADER.fullmatch(lower)):
            raise ConfigurationError(
                key, f"has {{{name:.40}}}, which we do not know", fix=f"Known: {_listed(known)}"
            )
        parts.append((lower, ""))
    return parts


def _check(named: set[str], sent: set[str], user: str | None) -> None:
    if not named & _OF_THE_REQUEST:
        raise ConfigurationError(
            "signed", "signs nothing of the request", fix="Write {method}{target}{body}"
        )
    if "signature" not in sent:
        raise ConfigurationError("value", "has no {signature}")
    for name in _TELLING:
        if name in named - sent:
            header = "nonce_header" if name == "nonce" else "timestamp_header"
            raise ConfigurationError(
                header, f"is missing: {{{name}}} is signed, and not sent", fix=f"Set {header}"
            )
    if "user" in named | sent and user is None:
        raise ConfigurationError("user", "is missing, and the template has it")


def _time_of(named: set[str]) -> str:
    """How a template writes the time."""
    return next((one for one in ("timestamp_ms", "date") if one in named), "timestamp")


def _listed(known: "frozenset[str] | set[str]") -> str:
    return ", ".join(sorted(known))
