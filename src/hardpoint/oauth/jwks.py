"""The public keys of an issuer (RFC 7517), read with suspicion.

A key is good for the algorithms that its type, its curve and its own `alg` allow, and for no
others: which one a token was signed with is never the token's choice alone.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final, cast, final

import msgspec

from hardpoint.core.errors import ConfigurationError, InvalidTokenError
from hardpoint.oauth.documents import json_object

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Every signature a token may have: asymmetric ones alone. A shared secret or `none` is in no list
that anybody could widen by mistake."""
KEYS_MAX = 100
BYTES_MAX = 256 * 1024

_PUBLIC: Final = {
    ("RSA", ""): ("n", "e"),
    ("EC", "P-256"): ("crv", "x", "y"),
    ("EC", "P-384"): ("crv", "x", "y"),
    ("EC", "P-521"): ("crv", "x", "y"),
    ("OKP", "Ed25519"): ("crv", "x"),
}
"""By type and curve, what makes a public key."""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MODULUS_CHARACTERS_MAX = 1366  # 8192 bits; larger ones are a way to burn our CPU
_EXPONENT_CHARACTERS_MAX = 8
_RSA_BITS_LEAST = 2048


@final
class PublicKey:
    """One public key.

    Attributes:
        kid: its name.
        algorithms: what it may verify.
    """

    __slots__ = ("_key", "_models", "algorithms", "kid")

    def __init__(self, kid: str | None, key: Any, models: Mapping[str, Any]) -> None:
        self.kid = kid
        self.algorithms = frozenset(models)
        self._key = key
        self._models = models

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether it made this signature, by one of its algorithms."""
        return self._models[algorithm].verify(signed, signature, self._key)

    def __repr__(self) -> str:
        return f"Key({self.kid!r}, {sorted(self.algorithms)})"


@final
class KeySet:
    """The keys of one document."""

    __slots__ = ("keys",)

    def __init__(self, keys: Sequence[PublicKey] = ()) -> None:
        self.keys = tuple(keys)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key of that name for that algorithm; without a name, the only one for it.

        Raises:
            InvalidTokenError: there are several, so that the token does not say which.
        """
        found: PublicKey | None = None
        for key in self.keys:
            if (kid is None or key.kid == kid) and algorithm in key.algorithms:
                if found is not None:
                    raise InvalidTokenError(
                        "the issuer has several keys it may be signed with", reason="ambiguous_key"
                    )
                found = key
        return found


def key_set(body: bytes) -> KeySet:
    """The usable keys of a JWKS document.

    A key is left out, without harm to the others, if it is symmetric, not for signatures, of a type
    or curve we do not know, RSA below 2048 bits or above 8192, or published with its private half.

    Raises:
        ValueError: the document as a whole is not one; says what is wrong with it.
    """
    listed = json_object(body, bytes_max=BYTES_MAX).get("keys")
    if not isinstance(listed, list):
        raise ValueError("has no list of keys")  # noqa: TRY004 - of the document
    members = cast("list[object]", listed)
    if len(members) > KEYS_MAX:
        raise ValueError(f"has more than {KEYS_MAX} keys")
    return KeySet([key for one in members if (key := _key(one)) is not None])


class _Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public key as RFC 7517 and 7518 spell it; what we do not look at is left out."""

    kty: str
    kid: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    alg: str | None = None
    n: Annotated[str, msgspec.Meta(max_length=_MODULUS_CHARACTERS_MAX)] = ""
    e: Annotated[str, msgspec.Meta(max_length=_EXPONENT_CHARACTERS_MAX)] = ""
    crv: str = ""
    x: str = ""
    y: str = ""

    def public(self) -> dict[str, str] | None:
        """What makes the key, where it is of a type we know and for signatures."""
        names = _PUBLIC.get((self.kty, self.crv))
        if names is None or self.use != "sig" or "verify" not in self.key_ops:
            return None
        return {name: getattr(self, name) for name in ("kty", *names)}


def _key(member: object) -> PublicKey | None:
    try:
        jwk = msgspec.convert(member, _Jwk)
    except msgspec.ValidationError:
        return None
    public = jwk.public()
    if public is None or not _PRIVATE.isdisjoint(cast("dict[str, object]", member)):
        return None
    return _imported(jwk, public)


def require_joserfc() -> None:
    """See that signatures can be checked at all.

    Raises:
        ConfigurationError: the extra `oauth` is not installed.
    """
    try:
        import_module("joserfc.jws")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "oauth", "the extra is not installed", fix="pip install 'hardpoint[oauth]'"
        ) from None


def _imported(jwk: _Jwk, public: dict[str, str]) -> PublicKey | None:
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry
    from joserfc.jws import JWSRegistry

    try:
        key: Any = JWKRegistry.import_key(dict(public))
        small = jwk.kty == "RSA" and key.public_key.key_size < _RSA_BITS_LEAST
    except Exception:  # noqa: BLE001 - whatever a hostile key makes of it, the others are not harmed
        return None
    models: dict[str, Any] = {}
    for name in () if small else ALGORITHMS:
        try:
            JWSRegistry.algorithms[name].check_key(key)
        except JoseError:
            continue
        if jwk.alg in {None, name}:
            models[name] = JWSRegistry.algorithms[name]
    return PublicKey(jwk.kid, key, models) if models else None
