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
from hardpoint.oauth.discovery import Metadata, discovery_url, metadata
from hardpoint.oauth.documents import json_object
from hardpoint.oauth.id_token import id_token
from hardpoint.oauth.identity import Asked, Identity, email_verified
from hardpoint.oauth.jwks import ALGORITHMS
from hardpoint.oauth.jwt import Expected, check_header, refused, unverified
from hardpoint.oauth.keycache import Fetch, KeyCache
from hardpoint.oauth.tokens import Tokens

USERINFO_BYTES_MAX = 256 * 1024
_PREFERRED: Final = (ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE)


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
            raise InvalidTokenError("The userinfo is another's", reason="userinfo")
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
        raise UnexpectedResponseError(f"{said.issuer} takes no client secret, and no public client")
    hosts = {urlsplit(url).hostname for url in (said.userinfo_url or said.issuer, said.issuer)}
    return ProviderEntry(
        name=name,
        authorize_url=said.authorize_url,
        token_url=said.token_url,
        api_hosts=frozenset(host for host in hosts if host),
        revocation_url=said.revoke_url,
        userinfo_url=said.userinfo_url,
        jwks_url=said.jwks_url,
        discovery_url=discovery_url(said.issuer),
        issuer=said.issuer,
        algorithms=said.algorithms.intersection(ALGORITHMS) or frozenset({"RS256"}),
        sends_iss=said.says_issuer,
        scopes=("openid", "email", "profile"),
        client_auth=auth,
        verified_on=date.min,  # by nobody: it speaks for itself
        sources=(discovery_url(said.issuer),),
    )
