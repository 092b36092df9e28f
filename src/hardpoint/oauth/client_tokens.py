"""Tokens that a client gets for itself (RFC 6749 4.4), kept in memory as long as they last.

    authorization = ClientTokens(TokenEndpoint(transport, client, clock), clock)

For an adapter whose vendor wants such tokens for every call. Where several processes are to share
one, or users are sent to the vendor, the vault keeps it: `hub.vault`.
"""

from collections.abc import Sequence
from typing import Final, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    AuthenticationError,
    ProviderError,
    RateLimitedError,
    TokenEndpointError,
    UnavailableError,
)
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.tokens import Tokens
from hardpoint.resilience.timeout import remaining
from hardpoint.runtime.single_flight import SingleFlight

EARLY_SECONDS: Final = 60.0
"""How long before its end a token is replaced; until then whoever gets no new one uses it."""
LIFE_SECONDS: Final = 300.0
"""How long a token is used whose end the server does not say."""
WAIT_SECONDS: Final = 30.0
"""How long a call waits for the one that asks for a token; no longer than its own deadline."""


@final
class ClientTokens:
    """An `Authorization` (`hardpoint.http.auth`): `Bearer`, with a token of the client's own.

    However many calls need a new one at once, one of them asks for it. That none could be had means
    that the call itself was not sent: it may be tried again.

    Args:
        endpoint: where tokens come from; on the transport of the calls themselves.
        clock: how long they last.
    """

    def __init__(self, endpoint: TokenEndpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._latest: Tokens | None = None
        self._flight = SingleFlight[Tokens | TokenEndpointError]()

    async def headers(self) -> Sequence[tuple[str, str]]:
        """With the token that is valid now.

        Raises:
            AuthenticationError: the server does not know the client, or refuses it.
            RateLimitedError, UnavailableError: there is none now; nothing was sent.
        """
        tokens = self._latest
        if tokens is None or not self._lasts(tokens, EARLY_SECONDS):
            tokens = await self._renewed(tokens)
        return (("authorization", f"Bearer {tokens.access.reveal()}"),)

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """The next call asks for another token, if this one is still the latest."""
        latest = self._latest
        if latest is not None and ("authorization", f"Bearer {latest.access.reveal()}") in headers:
            self._latest = None

    def permits(self, host: str) -> bool:
        """The hosts that the server's tokens are for."""
        return host in self._endpoint.client.entry.api_hosts

    def secrets(self) -> Sequence[str]:
        """The client's secret, and the latest token."""
        own = self._endpoint.client.client_secret
        held = [one for one in (own, self._latest and self._latest.access) if one is not None]
        return [one.reveal() for one in held]

    def _lasts(self, tokens: Tokens, margin: float) -> bool:
        if tokens.expires_at is None:
            return self._clock.now() < tokens.issued_at + LIFE_SECONDS
        life = tokens.expires_at - tokens.issued_at
        return tokens.fresh_at(self._clock.now(), min(margin, life / 5))

    async def _renewed(self, old: Tokens | None) -> Tokens:
        outcome = await self._flight.do(lambda: self._asked(old), seconds=remaining(WAIT_SECONDS))
        found = None if outcome is None else outcome[0]
        if isinstance(found, Tokens):
            return found
        if old is not None and self._lasts(old, 0.0):
            return old
        raise self._refused(found)

    async def _asked(self, old: Tokens | None) -> Tokens | TokenEndpointError:
        """Ask once; whoever waits gets the refusal too, and makes an error of its own of it."""
        latest = self._latest
        if latest is not None and latest is not old:
            return latest  # somebody was faster
        scopes = self._endpoint.client.scopes
        try:
            self._latest = await self._endpoint.client_credentials(scopes)
        except TokenEndpointError as error:
            return error.with_traceback(None)
        return self._latest

    def _refused(self, found: TokenEndpointError | None) -> ProviderError:
        provider = self._endpoint.client.entry.name
        if found is None:
            return UnavailableError("no token in time: another call asks for it", provider=provider)
        kind: type[ProviderError] = AuthenticationError
        if found.verdict == "transient":
            kind = RateLimitedError if found.status == 429 else UnavailableError
        return kind(
            f"no token: {found}",
            provider=provider,
            status=found.status,
            vendor_code=found.vendor_code,
            retry_after=found.retry_after,
        )
