"""How the calls of a connection are proved: from its settings to what makes the headers."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization, HeaderKey, Unproven, basic, bearer
from hardpoint.http.signing.signer import RequestProof, checked_header

if TYPE_CHECKING:
    from hardpoint.clients.rest.settings import RestSettings

Credentials = tuple[Authorization, RequestProof | None]
"""What carries them, and what signs each request besides."""

_Made = TypeVar("_Made")


def credentials(settings: "RestSettings") -> Credentials:
    """What makes the headers of every call.

    Raises:
        ConfigurationError: naming what is missing, or what its way of proof does not know.
    """
    make = _AUTHS.get(settings.auth)
    if make is None:
        fix = f"One of {', '.join(_AUTHS)}"
        if settings.auth == "query":
            fix = "What stands in a URL ends up in logs: send the key in a header"
        raise ConfigurationError("auth", f"is {settings.auth!r:.40}", fix=fix)
    made = make(settings)
    if made[1] is None and settings.signing:
        raise ConfigurationError(
            "signing", f"is set, and {settings.auth} does not sign", fix="Leave it out"
        )
    return made


def _bearer(settings: "RestSettings") -> Credentials:
    return bearer(_key(settings)), None


def _account(settings: "RestSettings") -> Credentials:
    if isinstance(settings.key, Secret):
        raise ConfigurationError(
            "key", "is not an account of the vault", fix='Write key = "vault:NAME"'
        )
    return _bearer(settings)


def _basic(settings: "RestSettings") -> Credentials:
    key = _key(settings)
    return basic(_user(settings) if isinstance(key, Secret) else "", key), None


def _header(settings: "RestSettings") -> Credentials:
    name = checked_header("header", _needed(settings.header, "header"))
    return HeaderKey(name, _secret(settings), settings.prefix), None


def _hmac(settings: "RestSettings") -> Credentials:
    from hardpoint.http.signing.canonical import HmacSigner

    return Unproven(), _signer(HmacSigner, settings, _secret(settings), user=settings.user)


def _sigv4(settings: "RestSettings") -> Credentials:
    from hardpoint.http.signing.sigv4 import SigV4RequestSigner

    return Unproven(), _signer(
        SigV4RequestSigner,
        settings,
        _user(settings),
        _secret(settings),
        session_token=settings.session_token,
    )


def _rfc9421(settings: "RestSettings") -> Credentials:
    from hardpoint.http.signing.rfc9421 import MessageSigner

    return Unproven(), _signer(MessageSigner, settings, _secret(settings), key_id=_user(settings))


def _oauth1(settings: "RestSettings") -> Credentials:
    from hardpoint.http.signing.oauth1 import OAuth1Signer

    return Unproven(), _signer(
        OAuth1Signer,
        settings,
        _user(settings),
        _secret(settings),
        token_secret=settings.token_secret,
    )


def _none(settings: "RestSettings") -> Credentials:
    if settings.key is not None:
        raise ConfigurationError("key", f"is set, and {settings.auth} has none", fix="Set auth")
    return Unproven(), None


_AUTHS: Final[Mapping[str, Callable[["RestSettings"], Credentials]]] = {
    "bearer": _bearer,
    "basic": _basic,
    "header": _header,
    "hmac": _hmac,
    "sigv4": _sigv4,
    "rfc9421": _rfc9421,
    "oauth1": _oauth1,
    "oauth": _account,
    "mtls": _none,
    "none": _none,
}


def _signer(kind: Callable[..., _Made], settings: "RestSettings", *args: Any, **own: Any) -> _Made:
    """A signer of that kind, made from the settings and what `signing` says beside them."""
    taken = own.keys() & settings.signing.keys()
    if taken:
        raise ConfigurationError(f"signing.{min(taken)}", "is not set here")
    try:
        return kind(*args, **own, **settings.signing)
    except TypeError as error:  # an argument that is missing, or that nobody knows
        said = str(error).partition("() ")[2] or str(error)
        raise ConfigurationError("signing", f"does not fit {settings.auth}: {said}") from None
    except ConfigurationError as error:
        inner = error.key in settings.signing or error.key in _SIGNED
        key = f"signing.{error.key}" if inner else error.key
        raise ConfigurationError(key, error.problem, fix=error.fix) from None


_SIGNED: Final = frozenset({"nonce_header", "timestamp_header", "value"})


def _key(settings: "RestSettings") -> Secret | Authorization:
    return _needed(settings.key, "key")


def _secret(settings: "RestSettings") -> Secret:
    key = _key(settings)
    if not isinstance(key, Secret):
        raise ConfigurationError(
            "key",
            f"is an account of the vault, which {settings.auth} does not take",
            fix="Write env:NAME or file:PATH",
        )
    return key


def _user(settings: "RestSettings") -> str:
    return _needed(settings.user, "user")


def _needed(value: _Made | None, key: str) -> _Made:
    if value is None:
        raise ConfigurationError(key, "is missing", fix=f"Set {key}, or another auth")
    return value
