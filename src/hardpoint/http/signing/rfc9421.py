"""HTTP Message Signatures (RFC 9421), with the digest of a body (RFC 9530)."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.signer import HEADER_NAME, chosen, header_of, key_bytes, whole_body

DEFAULT_COMPONENTS: Final = ("@method", "@target-uri", "content-digest")
ALGORITHMS: Final = (
    "hmac-sha256",
    "ed25519",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
)
_DIGEST: Final = "content-digest"
_DERIVED: Final[Mapping[str, Callable[[Request], str]]] = {
    "@method": lambda request: request.method,
    "@target-uri": lambda request: request.url,
    "@authority": lambda request: _authority(request.url),
    "@scheme": lambda request: urlsplit(request.url).scheme,
    "@request-target": lambda request: _target(request.url),
    "@path": lambda request: urlsplit(request.url).path or "/",
    "@query": lambda request: f"?{urlsplit(request.url).query}",
}
_PORTS: Final = {"http": ":80", "https": ":443"}


@final
class MessageSigner:
    """Signs the components of a request that it is told.

    Args:
        secret: the private key in PEM; for `hmac-sha256` the shared secret in base64.
        key_id: what the other side knows it by.
        algorithm: `hmac-sha256`, `ed25519`, `ecdsa-p256-sha256`, `ecdsa-p384-sha384`,
            `rsa-pss-sha512` or `rsa-v1_5-sha256`.
        components: what is signed, in order: names of headers in small letters, and derived ones
            such as `@method`. A header that a request does not have is left out, but for
            `content-digest`, which is made of the body where there is one.
        label: the signature's name in both headers.
        tag: what the other side wants as `tag`, if it wants one.
        expires: seconds after which it is to be refused; None not to say.
        nonce: whether to send one.
        alg: whether to send the algorithm's name, which the key says already.

    Raises:
        ConfigurationError: an algorithm or a component that we do not know, or nothing of the
            request is signed.
    """

    def __init__(
        self,
        secret: Secret,
        *,
        key_id: str,
        algorithm: str,
        components: Sequence[str] = DEFAULT_COMPONENTS,
        label: str = "sig1",
        tag: str | None = None,
        expires: int | None = None,
        nonce: bool = False,
        alg: bool = False,
    ) -> None:
        for one in components:
            known = one in _DERIVED if one.startswith("@") else HEADER_NAME.fullmatch(one)
            if not known or one != one.lower():
                raise ConfigurationError(
                    "components",
                    f"has {one!r:.60}, which is none",
                    fix=f"Headers in small letters, and {', '.join(_DERIVED)}",
                )
        if not components or len({*components}) < len(components):
            raise ConfigurationError("components", "are none, or one of them stands twice")
        if not _plain(key_id) or not _plain(label) or not _plain(tag or ""):
            raise ConfigurationError("key_id", "label and tag are plain ASCII without quotes")
        self._secret = secret
        self._key_id = key_id
        self._algorithm = chosen("algorithm", algorithm, ALGORITHMS)
        self._components = tuple(components)
        self._label = label
        self._tag = tag
        self._expires = expires
        self._nonce = nonce
        self._alg = alg
        self._loaded: tuple[str, Any] = ("", None)

    def signed(
        self, request: Request, *, now: float, nonce: Callable[[], str]
    ) -> Sequence[tuple[str, str]]:
        """`signature-input` and `signature`; before them the body's digest, where it is signed."""
        beside: list[tuple[str, str]] = []
        if _DIGEST in self._components and header_of(request.headers, _DIGEST) is None:
            body = whole_body(request)
            if body:
                digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
                beside.append((_DIGEST, f"sha-256=:{digest}:"))
        found = self._found(request, (*request.headers, *beside))
        parameters = self._parameters(found, now, nonce)
        lines = [f'"{name}": {value}' for name, value in found]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        signature = base64.b64encode(self._sealed(base.encode("latin-1"))).decode()
        return (
            *beside,
            ("signature-input", f"{self._label}={parameters}"),
            ("signature", f"{self._label}=:{signature}:"),
        )

    def secrets(self) -> Sequence[str]:
        """The key."""
        return (self._secret.reveal(),)

    def _found(self, request: Request, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The components that this request has, each with its value."""
        found: list[tuple[str, str]] = []
        for name in self._components:
            if name in _DERIVED:
                found.append((name, _DERIVED[name](request)))
            elif name == "content-length" and len(request.body):
                found.append((name, f"{len(request.body)}"))  # the transport's to add
            elif (value := header_of(headers, name)) is not None:
                found.append((name, value))
        return found

    def _parameters(
        self, found: Sequence[tuple[str, str]], now: float, nonce: Callable[[], str]
    ) -> str:
        names = " ".join(f'"{name}"' for name, _ in found)
        parts = [f"({names})", f"created={int(now)}"]
        if self._expires is not None:
            parts.append(f"expires={int(now) + self._expires}")
        if self._nonce:
            parts.append(f'nonce="{nonce()}"')
        if self._alg:
            parts.append(f'alg="{self._algorithm}"')
        parts.append(f'keyid="{self._key_id}"')
        if self._tag is not None:
            parts.append(f'tag="{self._tag}"')
        return ";".join(parts)

    def _sealed(self, text: bytes) -> bytes:
        if self._algorithm == "hmac-sha256":
            return hmac.new(key_bytes(self._secret, "base64"), text, hashlib.sha256).digest()
        from hardpoint.http.signing.private_keys import PrivateKey  # loads cryptography

        pem = self._secret.reveal()
        if self._loaded[0] != pem:  # it may rotate
            self._loaded = (pem, PrivateKey(pem, self._algorithm, self._secret.reference))
        return self._loaded[1].sign(text)


def component_of(request: Request, name: str) -> str | None:
    """A component of a request, as a signature covers it; None where there is none of that name."""
    if name.startswith("@"):
        derived = _DERIVED.get(name)
        return None if derived is None else derived(request)
    return header_of(request.headers, name)


def _authority(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, " "))


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not {'"', "\\"} & {*text}
