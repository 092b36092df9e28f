"""The public keys of an issuer (RFC 7517), read with suspicion.

A key is good for the algorithms that its type, its curve and its own `alg` allow, and for no
others: which one a token was signed with is never the token's choice alone.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn, Protocol, cast, final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    HardpointError,
    InvalidTokenError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.messages import Response
from hardpoint.runtime.decoding_types import prepared


def json_object(text: bytes, *, bytes_max: int) -> dict[str, Any]:
    """A JSON object, with the numbers and nesting that JSON knows.

    Raises:
        ValueError: too large, not UTF-8, not JSON, nested beyond reason, no object at its top, a
            name that stands twice, or a number that is none.
    """
    if len(text) > bytes_max:
        raise ValueError(f"is larger than {bytes_max} bytes")
    try:
        document = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("is not JSON") from None
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("is not an object")  # noqa: TRY004 - of the document, not of an argument
    return document  # pyright: ignore[reportUnknownVariableType] - any JSON


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("has the same name twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"holds {text}, which is not a number")


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
        jwk = msgspec.convert(member, prepared(_Jwk))
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


LIFE_LEAST, LIFE_MOST, LIFE_UNSAID = 300.0, 86_400.0, 3_600.0
"""Seconds that keys are kept: what `Cache-Control` says, within reason."""
UNKNOWN_SECONDS = 60.0
"""How soon an unknown key makes us ask the issuer again."""
FAILED_SECONDS = 10.0
"""How soon after a failure the issuer is asked again."""
STALE_SECONDS = 86_400.0
"""For how long keys serve past their time while the issuer does not answer."""
ISSUERS_MAX = 1000

_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})\b", re.ASCII)

Lock = Callable[[], AbstractAsyncContextManager[object]]
"""Makes a lock: `LoopLock`, or one that blocks."""


class Fetch(Protocol):
    """Gets a document from an address that the issuer named; `Untrusted` is one."""

    async def get(self, url: str, /) -> Response:
        """Fetch it once, following nowhere; see `Untrusted.get` for what it raises."""
        ...


@final
class _Kept:
    """What is known of one address."""

    __slots__ = ("asked_at", "expires_at", "failed", "lock", "set")

    def __init__(self, lock: AbstractAsyncContextManager[object]) -> None:
        self.lock = lock
        self.set = KeySet()
        self.expires_at = self.asked_at = float("-inf")
        self.failed: HardpointError | None = None


@final
class KeyCache:
    """Finds the key that a token names.

    Args:
        fetch: an `Untrusted`, since the address is what an issuer says.
        clock: for how long keys are kept.
        lock: so that many tokens that come at once make us ask once.

    Raises:
        ConfigurationError: the extra `oauth` is not installed.
    """

    def __init__(self, fetch: Fetch, clock: Clock, lock: Lock) -> None:
        require_joserfc()
        self._fetch = fetch
        self._clock = clock
        self._lock = lock
        self._kept: dict[str, _Kept] = {}

    def known(self, url: str, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key for a token, if nobody has to be asked for it; see `find`."""
        kept = self._kept.get(url)
        return None if kept is None else self._known(kept, kid, algorithm)

    async def find(self, url: str, kid: str | None, algorithm: str) -> PublicKey:
        """The key for a token.

        Args:
            url: where the issuer's keys are.
            kid: the key's name, if the token says one.
            algorithm: what it has to verify.

        Raises:
            InvalidTokenError: the issuer has no such key, or several.
            UnavailableError: the issuer does not answer, and we know too little of it.
            UnexpectedResponseError: it answers with something else.
        """
        key = self.known(url, kid, algorithm)
        if key is None:
            await self.refresh(url)
            key = self.settled(url, kid, algorithm)
        return key

    async def refresh(self, url: str) -> None:
        """Ask the issuer for its keys if it is time to, whichever of them is wanted."""
        kept = self._of(url)
        async with kept.lock:
            await self._ask(url, kept)

    def settled(self, url: str, kid: str | None, algorithm: str) -> PublicKey:
        """The key for a token, by what we have; see `find`."""
        kept = self._of(url)
        stale = self._clock.monotonic() >= kept.expires_at + STALE_SECONDS
        if kept.failed is not None and stale:
            raise UnavailableError(f"the issuer's keys cannot be fetched: {kept.failed}")
        key = kept.set.find(kid, algorithm)
        if key is None:
            raise InvalidTokenError("The issuer has no such key", reason="unknown_key")
        return key

    def _of(self, url: str) -> _Kept:
        kept = self._kept.get(url)
        if kept is None:
            if len(self._kept) >= ISSUERS_MAX:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[url] = _Kept(self._lock())
        return kept

    def _known(self, kept: _Kept, kid: str | None, algorithm: str) -> PublicKey | None:
        now = self._clock.monotonic()
        return kept.set.find(kid, algorithm) if now < kept.expires_at else None

    async def _ask(self, url: str, kept: _Kept) -> None:
        """Ask the issuer if it is time to; then what we have has to do."""
        now = self._clock.monotonic()
        wait = UNKNOWN_SECONDS if kept.failed is None else FAILED_SECONDS
        if now >= kept.asked_at + wait:
            try:
                answer = await self._fetch.get(url)
                kept.set, kept.failed = _read(answer, url), None
                kept.expires_at = self._clock.monotonic() + _life(answer.headers)
            except HardpointError as error:
                kept.failed = error.with_traceback(None)
            kept.asked_at = self._clock.monotonic()


def _read(answer: Response, url: str) -> KeySet:
    if answer.status != 200:
        raise UnexpectedResponseError(f"the keys at {url}: status {answer.status}")
    try:
        return key_set(answer.body)
    except ValueError as error:
        raise UnexpectedResponseError(f"the document of keys at {url} {error}") from None


def _life(headers: Mapping[str, str]) -> float:
    said = headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return LIFE_LEAST
    found = _MAX_AGE.search(said)
    return LIFE_UNSAID if found is None else min(max(float(found[1]), LIFE_LEAST), LIFE_MOST)
