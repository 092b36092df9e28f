"""Signed requests by which others call us: method, address and body are proved, once.

Two ways, both of which our own clients know: HTTP Message Signatures (RFC 9421) with a shared
secret, and `CANONICAL`, which is written by hand in ten lines of any language.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, final

from hardpoint.api_keys.reading import CallerRequest
from hardpoint.api_keys.types import TENANT, Principal, checked_scopes, checked_tenant
from hardpoint.core.errors import ConfigurationError, UnauthenticatedError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.canonical import HmacSigner
from hardpoint.http.signing.rfc9421 import component_of
from hardpoint.http.signing.signer import header_of, key_bytes

CANONICAL: Final[Mapping[str, str]] = {
    "signed": "{timestamp}\n{nonce}\n{method}\n{url}\n{body_sha256}",
    "header": "X-Signature",
    "value": "{user}:{signature}",
    "timestamp_header": "X-Timestamp",
    "nonce_header": "X-Nonce",
}
"""HMAC-SHA256 in hex, as `signing` of a connection with `auth = "hmac"` has it."""
TOLERANCE_SECONDS: Final = 300.0

_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NONCE: Final = re.compile(r"[!#-\[\]-~]{8,128}", re.ASCII)
_DIGITS: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_INPUT: Final = re.compile(
    r"(?P<label>[a-z*][a-z0-9_.*-]{0,63})="
    r'(?P<parameters>\((?P<names>(?:"[a-z0-9@-]{1,64}"(?: "[a-z0-9@-]{1,64}"){0,31})?)\)'
    r'(?P<facts>(?:;[a-z]{1,16}=(?:[0-9]{1,12}|"[ !#-\[\]-~]{0,256}")){1,8}))',
    re.ASCII,
)
_FACT: Final = re.compile(r';([a-z]+)=(?:([0-9]+)|"([^"]*)")', re.ASCII)
_SIGNATURE: Final = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/=]{1,128}):", re.ASCII)
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):", re.ASCII)
_HEADERS_MAX: Final = 2048
_DECOY: Final = b"nobody's"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCaller:
    """Whose signatures are taken.

    Attributes:
        name: what it is known by: the `keyid`, or `user`, of its requests.
        secrets: what it signs with, the newest first; for `rfc9421` in base64.
        scheme: how it signs.
        scopes: what it may do.
        tenant: whose calls these are.

    Raises:
        ConfigurationError: something of it cannot work.
        InvalidRequestError: a scope, or the tenant, is none.
    """

    name: str
    secrets: Sequence[Secret]
    scheme: Literal["rfc9421", "hmac"] = "rfc9421"
    scopes: Sequence[str] = ()
    tenant: str = TENANT

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.name):
            raise ConfigurationError("name", "is not letters, digits, . _ and -; at most 64")
        if not self.secrets:
            raise ConfigurationError("secrets", "is empty", fix='Write secrets = ["env:NAME"]')
        if self.scheme not in _READ:
            raise ConfigurationError("scheme", "is none", fix=f"One of {', '.join(_READ)}")
        checked_scopes(self.scopes)
        checked_tenant(self.tenant)

    def principal(self) -> Principal:
        """Who it is."""
        return Principal(
            by="signature",
            id=self.name,
            name=self.name,
            tenant=self.tenant,
            scopes=frozenset(self.scopes),
        )


class _Claim(NamedTuple):
    """What a request says of its own signature.

    Attributes:
        name: whose it is.
        created, expires: Unix seconds.
        nonce: what is used up.
        holds: whether a secret made it, in the same time whichever it is.
    """

    name: str
    created: int
    expires: int | None
    nonce: str
    holds: Callable[[Secret | None], bool]


class UsedSignature(NamedTuple):
    """A signature that holds, and has to be used up.

    Attributes:
        principal: who it proves.
        key: a hash of who and of the nonce.
        until: Unix seconds from which on it is too old anyway, also by a clock that is behind.
    """

    principal: Principal
    key: str
    until: float


@final
class CallerSignatures:
    """Verifies signed requests.

    Args:
        callers: whose are taken.
        url: our address, before the path as the application sees it.

    Raises:
        ConfigurationError: there are two of one name, or nobody has said what our address is.
    """

    def __init__(self, callers: Sequence[SigningCaller], url: str | None) -> None:
        self._callers = {(one.scheme, one.name): one for one in callers}
        if len(self._callers) < len(callers):
            raise ConfigurationError("name", "stands twice")
        if callers and url is None:
            raise ConfigurationError(
                "public_url",
                "is missing, and signatures cover it",
                fix='Write public_url = "https://shop.example"',
            )
        self._url = url or ""

    def scheme(self, headers: Sequence[tuple[str, str]]) -> str | None:
        """How a request is signed, if it is, and any signatures are taken."""
        names = {name.lower() for name, _ in headers} if self._callers else frozenset[str]()
        return next((scheme for scheme, mark in _MARKS.items() if mark in names), None)

    def verify(self, scheme: str, request: CallerRequest, now: float) -> UsedSignature:
        """Whose signature it is.

        Raises:
            UnauthenticatedError: it is nobody's, or it is too old.
        """
        sent = Request(
            method=request.method,
            url=self._url + request.target,
            headers=request.headers,
            body=request.body,
        )
        claim = _READ[scheme](sent)
        if claim is None or not _NONCE.fullmatch(claim.nonce):
            raise UnauthenticatedError(reason="malformed")
        caller = self._callers.get((scheme, claim.name))
        secrets: Sequence[Secret | None] = [None] if caller is None else caller.secrets
        holds = [claim.holds(secret) for secret in secrets]
        if caller is None or not any(holds):
            raise UnauthenticatedError(reason="signature")
        late = claim.expires is not None and now >= claim.expires
        if late or abs(now - claim.created) > TOLERANCE_SECONDS:
            raise UnauthenticatedError(reason="stale")
        key = hashlib.sha256(f"{scheme}\n{claim.name}\n{claim.nonce}".encode()).hexdigest()
        return UsedSignature(caller.principal(), key, claim.created + 2 * TOLERANCE_SECONDS)


def _canonical(request: Request) -> _Claim | None:
    """By `CANONICAL`: it is signed once more, and compared."""
    name, _, _ = (header_of(request.headers, "x-signature") or "").partition(":")
    created = header_of(request.headers, "x-timestamp") or ""
    nonce = header_of(request.headers, "x-nonce") or ""
    if not (_KEY_ID.fullmatch(name) and _DIGITS.fullmatch(created)):
        return None

    def holds(secret: Secret | None) -> bool:
        signer = HmacSigner(secret or Secret.value("nobody's"), user=name, **CANONICAL)
        made = signer.signed(request, now=float(created), nonce=lambda: nonce)
        shown = [header_of(request.headers, one.lower()) or "" for one, _ in made]
        wanted = [value for _, value in made]
        return hmac.compare_digest(_joined(shown), _joined(wanted)) and secret is not None

    return _Claim(name, int(created), None, nonce, holds)


def _message(request: Request) -> _Claim | None:
    """By RFC 9421: one signature, `hmac-sha256`, over method, address and body at least."""
    asked = header_of(request.headers, "signature-input") or ""
    said = header_of(request.headers, "signature") or ""
    found = _INPUT.fullmatch(asked) if len(asked) <= _HEADERS_MAX else None
    signature = _SIGNATURE.fullmatch(said)
    if found is None or signature is None or signature[1] != found["label"]:
        return None
    names = [one.strip('"') for one in found["names"].split()]
    facts = {name: number or text for name, number, text in _FACT.findall(found["facts"])}
    if not (_covers(names, request) and _digest_holds(request)):
        return None
    if not _DIGITS.fullmatch(facts.get("created", "")) or facts.get("alg") not in _ALGORITHMS:
        return None
    lines: list[str] = []
    for name in names:
        value = component_of(request, name)
        if value is None:
            return None
        lines.append(f'"{name}": {value}')
    text = "\n".join([*lines, f'"@signature-params": {found["parameters"]}'])
    shown = _unbased(signature[2])

    def holds(secret: Secret | None) -> bool:
        key = _DECOY if secret is None else key_bytes(secret, "base64")
        made = hmac.new(key, text.encode("latin-1", "replace"), hashlib.sha256).digest()
        return hmac.compare_digest(made, shown) and secret is not None

    expires = int(facts["expires"]) if facts.get("expires", "").isdecimal() else None
    return _Claim(
        facts.get("keyid", ""), int(facts["created"]), expires, facts.get("nonce", ""), holds
    )


def _covers(names: Sequence[str], request: Request) -> bool:
    """Whether a signature proves enough."""
    covered = {*names}
    address = "@target-uri" in covered or covered >= {"@authority", "@request-target"}
    body = "content-digest" in covered or not request.body
    return len(covered) == len(names) and "@method" in covered and address and body


def _digest_holds(request: Request) -> bool:
    said = header_of(request.headers, "content-digest")
    if said is None:
        return not request.body
    found = _DIGEST.fullmatch(said)
    body = request.body if isinstance(request.body, bytes) else b""
    return found is not None and hmac.compare_digest(
        _unbased(found[1]), hashlib.sha256(body).digest()
    )


def _unbased(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _joined(values: Sequence[str]) -> bytes:
    return "\n".join(values).encode("latin-1", "replace")


_ALGORITHMS: Final = (None, "hmac-sha256")
_MARKS: Final = {"rfc9421": "signature-input", "hmac": "x-signature"}
_READ: Final[Mapping[str, Callable[[Request], _Claim | None]]] = {
    "rfc9421": _message,
    "hmac": _canonical,
}
