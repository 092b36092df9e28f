"""Tokens by which others call us: JWTs of issuers that we have chosen."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, cast, final

from hardpoint.api_keys.types import TENANT, Principal, checked_scopes, checked_tenant
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    InvalidTokenError,
    UnauthenticatedError,
)
from hardpoint.core.forks import forget_in_child
from hardpoint.http.limits import checked_url
from hardpoint.oauth.jwks import Fetch, KeyCache, PublicKey
from hardpoint.oauth.jwt import (
    Expected,
    Unverified,
    check_header,
    issuer_said,
    text,
    unverified,
    verified,
)
from hardpoint.runtime.blocking import step
from hardpoint.runtime.work import Work

_TYPES: Final = frozenset({"", "jwt", "at+jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """Whose tokens are taken.

    Attributes:
        name: what we call it.
        issuer: what `iss` has to be, byte for byte.
        audience: what `aud` has to be: us.
        jwks_url: where its keys are published.
        algorithms: what a token may be signed with.
        scope_claim: the claim with the scopes: words divided by blanks, or a list.
        tenant_claim: the claim that says whose calls these are; None where `tenant` does.
        tenant: whose calls these are, where no claim says so.

    Raises:
        ConfigurationError: something of it cannot work.
    """

    name: str
    issuer: str
    audience: str
    jwks_url: str
    algorithms: Sequence[str] = ("RS256",)
    scope_claim: str = "scope"
    tenant_claim: str | None = None
    tenant: str = TENANT
    expected: Expected = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_url(self.jwks_url, key="jwks_url")
        if "{" in self.issuer:
            raise ConfigurationError("issuer", "has a brace; write it as tokens have it")
        expected = Expected(
            issuer=self.issuer,
            audience=self.audience,
            algorithms=frozenset(self.algorithms),
            types=_TYPES,
        )
        object.__setattr__(self, "expected", expected)

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Who a token that was verified is for.

        Raises:
            InvalidTokenError: it does not say, or says it in a way that cannot be.
        """
        subject = text(claims, "sub")
        tenant = self.tenant if self.tenant_claim is None else text(claims, self.tenant_claim)
        if not subject or not tenant:
            raise InvalidTokenError("The token does not say whose it is", reason="malformed")
        try:
            scopes = frozenset(checked_scopes(_words(claims.get(self.scope_claim))))
            tenant = checked_tenant(tenant)
        except InvalidRequestError:
            raise InvalidTokenError("The token has senseless claims", reason="malformed") from None
        return Principal(
            by="jwt", id=subject, name=self.name, tenant=tenant, scopes=scopes, claims=claims
        )


@final
class CallerTokens:
    """Verifies tokens.

    Args:
        issuers: whose are taken, each known by what it calls itself.
        fetch: gets their keys, and never suspends; None where there are no issuers.
        clock: time.
        work: where keys are fetched.

    Raises:
        ConfigurationError: two issuers are the same, or the extra `oauth` is not installed.
    """

    def __init__(
        self, issuers: Sequence[TokenIssuer], fetch: Fetch | None, clock: Clock, work: Work
    ) -> None:
        self._issuers = {one.issuer: one for one in issuers}
        if len(self._issuers) < len(issuers):
            raise ConfigurationError("issuer", "stands twice")
        self._keys = None if fetch is None else KeyCache(fetch, clock, ThreadLock)
        self._clock = clock
        self._work = work

    def taken(self, credential: str) -> bool:
        """Whether it looks like a token, and any issuer's are taken."""
        return self._keys is not None and credential.count(".") == 2

    async def principal(self, credential: str) -> Principal:
        """Who shows a token.

        Raises:
            UnauthenticatedError: it is not taken.
            UnavailableError, UnexpectedResponseError: the issuer's keys cannot be fetched.
        """
        try:
            token = unverified(credential)
            issuer = self._issuers.get(issuer_said(token))
            if issuer is None:
                raise UnauthenticatedError(reason="issuer")
            check_header(token, issuer.expected)
            key = await self._key(issuer, token)
            claims = verified(token, key, issuer.expected, now=self._clock.now())
            return issuer.principal(claims)
        except InvalidTokenError as error:
            raise UnauthenticatedError(reason=error.reason) from None

    async def _key(self, issuer: TokenIssuer, token: Unverified) -> PublicKey:
        wanted = (issuer.jwks_url, token.kid, token.algorithm)
        keys = cast("KeyCache", self._keys)
        known = keys.known(*wanted)
        if known is None:  # one look for all: what a token says its key is called costs no thread
            await self._work.join(issuer.jwks_url, lambda: step(keys.refresh(issuer.jwks_url)))
        return known or keys.settled(*wanted)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(one, str) for one in listed):
        raise InvalidRequestError("are no words", field="scopes")
    return [] if value is None else cast("list[str]", listed)


@final
class ThreadLock:
    """A lock that blocks the thread; its holder fetches, for seconds at most."""

    def __init__(self) -> None:
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """Another thread of the parent may have had it."""
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()
