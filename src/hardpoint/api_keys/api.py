"""API keys of our own: who may call our endpoints.

    made = await hub.api_keys.create("Acme's importer", scopes=["orders:read"], tenant="acme")
    caller = await hub.api_keys.verify(made.secret, scopes=["orders:read"])

Any number of processes share the keys. Each remembers what it has read for four seconds, so that a
key which is revoked anywhere is refused everywhere within five.
"""

import os
import random as randomness
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Never, final

from hardpoint.api_keys.keeping import KeyRecords
from hardpoint.api_keys.known import KeyMeters, KeyUses, KnownKeys
from hardpoint.api_keys.reading import CallerRequest, credential_of
from hardpoint.api_keys.signatures import CallerSignatures, SigningCaller
from hardpoint.api_keys.tokens import CallerTokens, TokenIssuer
from hardpoint.api_keys.types import (
    TENANT,
    ApiKey,
    ApiKeyChanged,
    CallerRefused,
    KeyChange,
    KeyUseUnwritten,
    NewApiKey,
    Principal,
    checked_label,
    checked_scopes,
    checked_tenant,
)
from hardpoint.api_keys.writing import BRAND, checked_brand, hash_of, is_hash_of, prefix_of
from hardpoint.core.effects import Ids
from hardpoint.core.errors import (
    InsufficientScopeError,
    InvalidRequestError,
    LimitExceededError,
    StoreError,
    UnauthenticatedError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_blocking
from hardpoint.oauth.jwks import Fetch
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.runtime.clocks import SystemClock, Timekeeper
from hardpoint.runtime.effects import Effects
from hardpoint.runtime.work import ThreadWork, Work
from hardpoint.store.vault import ApiKeyRow, VaultTables

GRACE_SECONDS: Final = 86_400.0
"""How long a key that was rotated is taken beside its successor."""
_DECOY: Final = hash_of("")


@final
class ApiKeys:
    """The keys, kept where the vault keeps its rows.

    Args:
        tables: of the vault; they are opened when they are first needed.
        brand: what every key begins with.
        limit: how much one key may call, counted in each process by itself.
        work: where blocking work is done: in threads, or with `BlockingWork()` in the caller's.
        clock, ids, entropy: effects, for tests.
        listeners: told `CallerRefused`, `ApiKeyChanged` and `KeyUseUnwritten`.
        issuers: whose tokens are taken besides.
        signers: whose signed requests are taken besides.
        url: our address, which they sign; see `public_url`.
        fetch: gets the issuers' keys, and never suspends; its own unless given.

    Raises (every verb):
        InvalidRequestError: an argument is malformed.
        StoreUnavailableError: the keys cannot be read or written now; nobody is let in.
    """

    def __init__(
        self,
        tables: VaultTables,
        *,
        brand: str = BRAND,
        limit: RateLimit | None = None,
        work: Work | None = None,
        clock: Timekeeper | None = None,
        ids: Ids | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        listeners: Listeners | None = None,
        issuers: Sequence[TokenIssuer] = (),
        signers: Sequence[SigningCaller] = (),
        url: str | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.listeners = Listeners() if listeners is None else listeners
        self._brand = checked_brand(brand)
        self._work = work or ThreadWork()
        self._clock = tables.timed(clock or SystemClock())
        ids = ids or Uuid7()
        self._records = KeyRecords(tables, self._brand, clock=self._clock, ids=ids, entropy=entropy)
        self._known = KnownKeys(self._clock)
        self._uses = KeyUses(self._clock)
        self._signatures = CallerSignatures(signers, url)
        self._transport: BlockingTransport | None = None
        if issuers and fetch is None:  # their addresses are the operator's
            self._transport = BlockingTransport(UNTRUSTED)
            permit = partial(Untrusted, permit=lambda _: True, plain=True)
            fetch = permit(self._transport, resolve_blocking)
        self._tokens = CallerTokens(issuers, fetch, self._clock, self._work)
        self._meters = KeyMeters(limit, Effects(self._clock, randomness.random, ids))

    # Keys

    async def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] = (),
        tenant: str = TENANT,
        expires_in: float | None = None,
    ) -> NewApiKey:
        """Make a key. Its secret is in the answer, and nowhere else.

        Args:
            name: what people call it.
            scopes: what it may do.
            tenant: whose it is.
            expires_in: seconds until it ends; None for never.
        """
        allowed = " ".join(checked_scopes(scopes))
        facts = (checked_label(name), allowed, checked_tenant(tenant))
        if expires_in is not None and not 0 < expires_in < float("inf"):
            raise InvalidRequestError("is not a number of seconds above zero", field="expires_in")
        made = await self._work.do(partial(self._records.create, *facts, expires_in))
        self._tell("created", made.key)
        return made

    async def list(self, *, tenant: str | None = None) -> tuple[ApiKey, ...]:
        """All keys, of one tenant or of all, those that are not taken any more too."""
        if tenant is not None:
            checked_tenant(tenant)
        return await self._work.do(partial(self._records.of_tenant, tenant))

    async def revoke(self, key: str) -> ApiKey:
        """Take a key out of use: here at once, in other processes within five seconds.

        Args:
            key: its id, or what it begins with.

        Raises:
            NotFoundError: there is none.
        """
        revoked = await self._work.do(partial(self._records.revoke, key))
        self._known.drop(revoked.prefix)
        self._tell("revoked", revoked)
        return revoked

    async def rotate(self, key: str, *, grace: float = GRACE_SECONDS) -> NewApiKey:
        """Make a key in place of another, which is taken for `grace` seconds more.

        The new one has the name, the scopes and the tenant of the old one, and lasts as long.

        Args:
            key: the old one's id, or what it begins with.
            grace: 0 ends the old one at once.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: it is not taken any more: create another.
        """
        if not 0 <= grace < float("inf"):
            raise InvalidRequestError("is not a number of seconds", field="grace")
        made, old = await self._work.do(partial(self._records.rotate, key, grace))
        self._known.drop(old)
        self._tell("rotated", made.key)
        return made

    # Callers

    async def verify(
        self, key: str | Secret, *, scopes: Sequence[str] = (), tenant: str | None = None
    ) -> Principal:
        """Who holds a key. A key in use costs no look at the store, but every four seconds.

        Args:
            key: as it was presented.
            scopes: what the holder has to be allowed.
            tenant: whose key it has to be; None for anyone's.

        Raises:
            UnauthenticatedError: it is not taken, whatever the reason.
            InsufficientScopeError: it lacks a scope.
            LimitExceededError: it has called too much, or somebody is guessing keys.
        """
        text = key.reveal() if isinstance(key, Secret) else key
        prefix = prefix_of(text, self._brand)
        row = None if prefix is None else await self._found(prefix)
        now = self._clock.now()
        reason = _refusal(row, text, tenant, now)
        if row is None or reason is not None:
            reason = "malformed" if prefix is None else reason
            self._refuse(reason or "unknown", row and row.prefix)
        caller = Principal(
            by="api_key",
            id=row.id,
            name=row.name,
            tenant=row.tenant,
            scopes=frozenset(row.scopes.split()),
        )
        self._let_in(caller, scopes, row.prefix)
        if self._uses.note(row, now):
            await self._work.do(self._write_uses)
        return caller

    async def authenticate(
        self,
        request: CallerRequest,
        *,
        scopes: Sequence[str] = (),
        tenant: str | None = None,
    ) -> Principal:
        """Who sent a request: with a key or a token, or by its signature.

        `Authorization: Bearer ...` or `X-API-Key: KEY`; or it is signed, see `SigningCaller`.

        Args:
            request: which, with its body if `reads_body`.
            scopes: see `verify`, which says what is raised too.
            tenant: see there.

        Raises:
            UnavailableError, UnexpectedResponseError: an issuer's keys cannot be fetched now.
        """
        credential = credential_of(request.headers)
        scheme = self._signatures.scheme(request.headers)
        if credential is None and scheme is None:
            self._refuse("missing", None)
        if credential is not None and scheme is not None:
            self._refuse("malformed", None)
        if credential is not None and not self._tokens.taken(credential):
            return await self.verify(credential, scopes=scopes, tenant=tenant)
        try:
            if scheme is None:
                caller = await self._tokens.principal(credential or "")
            else:
                caller = await self._signed(scheme, request)
        except UnauthenticatedError as error:
            self._refuse(error.reason, None)
        if tenant is not None and caller.tenant != tenant:
            self._refuse("tenant", None)
        self._let_in(caller, scopes, None)
        return caller

    def reads_body(self, headers: Sequence[tuple[str, str]]) -> bool:
        """Whether a request is signed, so that `authenticate` has to see its body."""
        return self._signatures.scheme(headers) is not None

    async def _signed(self, scheme: str, request: CallerRequest) -> Principal:
        used = self._signatures.verify(scheme, request, self._clock.now())
        if not await self._work.do(partial(self._records.use_up, used.key, used.until)):
            raise UnauthenticatedError(reason="replayed")
        return used.principal

    # Its life

    async def close(self) -> None:
        """Write down when keys were used, and let go what is open; it can be used on."""
        await self._work.do(self._write_uses)
        await self._work.close()
        self._records.close()
        if self._transport is not None:
            self._transport.close()

    # Inside

    def _look(self, prefix: str, drops: int) -> ApiKeyRow | None:
        asked_at = self._clock.monotonic()
        row = self._records.find(prefix)
        self._known.keep(prefix, row, asked_at, drops)
        return row

    def _write_uses(self) -> None:
        uses = self._uses.take()
        if not uses:
            return
        try:
            self._records.used(uses)
        except StoreError as error:  # whoever calls has nothing to do with it
            self._uses.put_back(uses)
            self.listeners.emit(KeyUseUnwritten(error=str(error)))

    async def _found(self, prefix: str) -> ApiKeyRow | None:
        fresh, row = self._known.fresh(prefix)
        if fresh:
            return row
        if not self._known.seen(prefix):
            self._limited(self._meters.count_look, None)
        drops = self._known.drops  # who asks after a key was dropped joins no look begun before
        return await self._work.join((prefix, drops), partial(self._look, prefix, drops))

    def _let_in(self, caller: Principal, scopes: Sequence[str], prefix: str | None) -> None:
        # Two issuers may call two people the same.
        who = f"{caller.by} {caller.claims.get('iss')!r} {caller.id}"
        self._limited(partial(self._meters.count, who), prefix)
        if not caller.may(*scopes):
            self._tell_refused("scope", prefix)
            raise InsufficientScopeError(scopes=tuple(scopes))

    def _limited(self, count: Callable[[], None], prefix: str | None) -> None:
        try:
            count()
        except LimitExceededError:
            self._tell_refused("limit", prefix)
            raise

    def _refuse(self, reason: str, prefix: str | None) -> Never:
        self._tell_refused(reason, prefix)
        raise UnauthenticatedError(reason=reason)

    def _tell_refused(self, reason: str, prefix: str | None) -> None:
        if self.listeners.active:
            self.listeners.emit(CallerRefused(reason=reason, prefix=prefix))

    def _tell(self, change: KeyChange, key: ApiKey) -> None:
        if self.listeners.active:
            told = ApiKeyChanged(change=change, prefix=key.prefix, tenant=key.tenant)
            self.listeners.emit(told)


def _refusal(row: ApiKeyRow | None, text: str, tenant: str | None, now: float) -> str | None:
    """Why a key is not taken. Every answer costs the same: all is compared, whatever it is."""
    genuine = is_hash_of(_DECOY if row is None else row.hash, text)
    if row is None or not genuine:
        return "unknown"
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and now >= row.expires_at:
        return "expired"
    return "tenant" if tenant is not None and tenant != row.tenant else None
