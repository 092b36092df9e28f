"""What an issuer says of itself (OpenID Connect Discovery 1.0; RFC 8414).

The document is fetched from the issuer's own address and has to name that issuer, byte for byte:
otherwise one issuer could speak for another.
"""

from typing import Final

import msgspec

from hardpoint.core.errors import ConfigurationError, UnexpectedResponseError
from hardpoint.http.limits import checked_url
from hardpoint.oauth.documents import json_object

BYTES_MAX = 128 * 1024
_PATH: Final = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer's endpoints and what they can do.

    Attributes:
        algorithms: what its ID tokens may be signed with, as it says.
        challenges: the PKCE methods it knows; empty where it says nothing of it.
        client_auths: how a client may prove who it is.
        says_issuer: whether its answers to our redirect URI carry `iss` (RFC 9207).
    """

    issuer: str
    authorize_url: str
    token_url: str
    jwks_url: str
    userinfo_url: str | None
    revoke_url: str | None
    end_session_url: str | None
    algorithms: frozenset[str]
    challenges: frozenset[str]
    client_auths: frozenset[str]
    says_issuer: bool


def discovery_url(issuer: str) -> str:
    """Where an issuer's document is."""
    return issuer.rstrip("/") + _PATH


def metadata(body: bytes, issuer: str) -> Metadata:
    """Read an issuer's document.

    Args:
        body: the document.
        issuer: whose it has to be.

    Raises:
        UnexpectedResponseError: it is not such a document, names another issuer, or sends us to an
            address we do not go to.
    """
    try:
        said = msgspec.convert(json_object(body, bytes_max=BYTES_MAX), _Document)
        if said.issuer != issuer:
            raise ValueError("names another issuer")  # noqa: TRY301 - one way out for all of it
        urls = {name: _url(name, getattr(said, name)) for name in _ENDPOINTS}
    except ValueError as error:  # msgspec's own are ValueErrors too
        raise UnexpectedResponseError(f"the discovery document of {issuer}: {error}") from None
    return Metadata(
        issuer=issuer,
        authorize_url=urls["authorization_endpoint"] or "",
        token_url=urls["token_endpoint"] or "",
        jwks_url=urls["jwks_uri"] or "",
        userinfo_url=urls["userinfo_endpoint"],
        revoke_url=urls["revocation_endpoint"],
        end_session_url=urls["end_session_endpoint"],
        algorithms=frozenset(said.id_token_signing_alg_values_supported),
        challenges=frozenset(said.code_challenge_methods_supported),
        client_auths=frozenset(said.token_endpoint_auth_methods_supported),
        says_issuer=said.authorization_response_iss_parameter_supported,
    )


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """The members that we look at, under their own names."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


_ENDPOINTS: Final = tuple(
    name for name in _Document.__struct_fields__ if name.endswith(("_endpoint", "_uri"))
)


def _url(name: str, value: str | None) -> str | None:
    try:
        return None if value is None else checked_url(value, key=name)
    except ConfigurationError as error:
        raise ValueError(f"{name} {error.problem}") from None
