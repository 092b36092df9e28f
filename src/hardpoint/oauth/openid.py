"""OpenID providers: whose tokens they are, and what one says of itself that nobody described."""

from datetime import date
from typing import Final, final
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    InvalidTokenError,
    UnexpectedResponseError,
)
from hardpoint.http.limits import checked_url
from hardpoint.http.messages import Request, Transport
from hardpoint.oauth.catalogue import ClientAuth, ProviderEntry
from hardpoint.oauth.identity import Asked, Identity, email_verified
from hardpoint.oauth.jwks import ALGORITHMS, Fetch, KeyCache, json_object
from hardpoint.oauth.jwt import Expected, check_header, id_token, refused, unverified
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.decoding_types import prepared

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
    device_url: str | None
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
        said = msgspec.convert(json_object(body, bytes_max=BYTES_MAX), prepared(_Document))
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
        device_url=urls["device_authorization_endpoint"],
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
    device_authorization_endpoint: str | None = None
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


USERINFO_BYTES_MAX = 256 * 1024
_PREFERRED: Final = (
    ClientAuth.BASIC,
    ClientAuth.POST,
    ClientAuth.PRIVATE_KEY_JWT,
    ClientAuth.NONE,
)


@final
class OpenIdentity:
    """Reads the ID token that comes with the tokens.

    Args:
        expected: what it has to say.
        jwks_url: where the issuer's keys are.
        keys: finds them.
        clock: whether it still holds.
    """

    def __init__(self, expected: Expected, jwks_url: str, keys: KeyCache, clock: Clock) -> None:
        self._expected = expected
        self._jwks_url = jwks_url
        self._keys = keys
        self._clock = clock

    async def __call__(self, tokens: Tokens, asked: Asked) -> Identity:
        """Whose the tokens are; see `Identify`."""
        if tokens.id_token is None:
            raise refused("missing", "is missing from the provider's answer")
        if asked.nonce is None:
            raise refused("nonce", "is the answer to a sign-in without a nonce")
        token = unverified(tokens.id_token.reveal())
        check_header(token, self._expected)
        key = await self._keys.find(self._jwks_url, token.kid, token.algorithm)
        return id_token(token, key, self._expected, asked, now=self._clock.now())


@final
class UserinfoIdentity:
    """Reads the ID token; where that has no address, the userinfo endpoint may have one.

    With the code flow a provider may keep a scope's claims for that endpoint (Core 1.0, 5.4).

    Args:
        identify: reads the ID token.
        transport: how to ask.
        url: the userinfo endpoint.
    """

    def __init__(self, identify: OpenIdentity, transport: Transport, url: str) -> None:
        self._identify = identify
        self._transport = transport
        self._url = url

    async def __call__(self, tokens: Tokens, asked: Asked) -> Identity:
        """Whose the tokens are; see `Identify`."""
        identity = await self._identify(tokens, asked)
        if identity.email is not None:
            return identity
        bearer = ("authorization", f"Bearer {tokens.access.reveal()}")
        answer = await self._transport.send(
            Request(method="GET", url=self._url, headers=(("accept", "application/json"), bearer))
        )
        try:
            if answer.status != 200:
                raise ValueError(f"answers {answer.status}")  # noqa: TRY301 - one way out
            told = json_object(answer.body, bytes_max=USERINFO_BYTES_MAX)
        except ValueError as error:
            raise UnexpectedResponseError(f"the userinfo endpoint {error}") from None
        # Whoever swapped the access token would have us take another's address (Core 1.0, 5.3.2).
        if told.get("sub") != identity.subject:
            raise InvalidTokenError("The userinfo belongs to another user", reason="userinfo")
        email = told.get("email")
        if not isinstance(email, str):
            return identity
        return msgspec.structs.replace(
            identity,
            email=email,
            email_verified=email_verified(told),
            claims={**told, **identity.claims},
        )


async def discovered(name: str, issuer: str, fetch: Fetch) -> ProviderEntry:
    """The entry of an OpenID provider that says of itself what it is.

    Args:
        name: what to call it.
        issuer: as the operator configured it.
        fetch: an `Untrusted`.

    Raises:
        ConfigurationError: that is no issuer.
        UnexpectedResponseError: what it says of itself is not to be used.
        UnavailableError, InvalidRequestError: it cannot be asked, or must not be.
    """
    key = f"oauth.{name}.issuer"
    parts = urlsplit(checked_url(issuer, key=key))
    if parts.query or parts.fragment:
        raise ConfigurationError(key, "holds a query or a fragment")
    answer = await fetch.get(discovery_url(issuer))
    if answer.status != 200:
        raise UnexpectedResponseError(
            f"the discovery document of {issuer}: status {answer.status}", status=answer.status
        )
    said = metadata(answer.body, issuer)
    return _entry(name, said)


def _entry(name: str, said: Metadata) -> ProviderEntry:
    auth = next((one for one in _PREFERRED if one.value in said.client_auths), None)
    if auth is None:
        raise UnexpectedResponseError(
            f"{said.issuer} accepts neither a client secret nor a key nor a public client"
        )
    hosts = {urlsplit(url).hostname for url in (said.userinfo_url or said.issuer, said.issuer)}
    return ProviderEntry(
        name=name,
        authorize_url=said.authorize_url,
        token_url=said.token_url,
        api_hosts=frozenset(host for host in hosts if host),
        revocation_url=said.revoke_url,
        userinfo_url=said.userinfo_url,
        device_url=said.device_url,
        end_session_url=said.end_session_url,
        jwks_url=said.jwks_url,
        discovery_url=discovery_url(said.issuer),
        issuer=said.issuer,
        algorithms=said.algorithms.intersection(ALGORITHMS) or frozenset({"RS256"}),
        sends_iss=said.says_issuer,
        scopes=("openid", "email", "profile"),
        client_auth=auth,
        assertion_audience=said.issuer,
        verified_on=date.min,  # by nobody: it speaks for itself
        sources=(discovery_url(said.issuer),),
    )
