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

from hardpoint.api_keys.known import KeyMeters, KeyUses, KnownKeys
from hardpoint.api_keys.reading import CallerRequest, credential_of
from hardpoint.api_keys.types import (
    TENANT,
    ApiKey,
    ApiKeyChanged,
    CallerRefused,
    KeyChange,
    KeyUseUnwritten,
    NewApiKey,
    Principal,
    api_key_of,
    checked_label,
    checked_scopes,
    checked_tenant,
)
from hardpoint.api_keys.writing import BRAND, checked_brand, hash_of, is_hash_of, new_key, prefix_of
from hardpoint.core.effects import Ids
from hardpoint.core.errors import (
    InsufficientScopeError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    StoreError,
    UnauthenticatedError,
)
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.secrets import Secret
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.runtime.clocks import SystemClock, Timekeeper
from hardpoint.runtime.effects import Effects
from hardpoint.runtime.work import ThreadWork, Work
from hardpoint.store.vault import ApiKeyRow, ApiKeyRows, VaultTables

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
    ) -> None:
        self.listeners = Listeners() if listeners is None else listeners
        self._tables = tables
        self._brand = checked_brand(brand)
        self._work = work or ThreadWork()
        self._clock = tables.timed(clock or SystemClock())
        self._ids = ids or Uuid7()
        self._entropy = entropy
        self._opened = False
        self._known = KnownKeys(self._clock)
        self._uses = KeyUses(self._clock)
        self._meters = KeyMeters(limit, Effects(self._clock, randomness.random, self._ids))

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
        made = await self._work.do(partial(self._create, *facts, expires_in))
        self._tell("created", made.key)
        return made

    async def list(self, *, tenant: str | None = None) -> tuple[ApiKey, ...]:
        """All keys, of one tenant or of all, those that are not taken any more too."""
        if tenant is not None:
            checked_tenant(tenant)
        return await self._work.do(partial(self._list, tenant))

    async def revoke(self, key: str) -> ApiKey:
        """Take a key out of use: here at once, in other processes within five seconds.

        Args:
            key: its id, or what it begins with.

        Raises:
            NotFoundError: there is none.
        """
        revoked = await self._work.do(partial(self._revoke, key))
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
        made = await self._work.do(partial(self._rotate, key, grace))
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
            self._refuse(reason or "unknown", row)
        self._admit(row)
        if self._uses.note(row, now):
            await self._work.do(self._write_uses)
        caller = Principal(
            by="api_key",
            id=row.id,
            name=row.name,
            tenant=row.tenant,
            scopes=frozenset(row.scopes.split()),
        )
        return self._allowed(caller, scopes, row.prefix)

    async def authenticate(
        self,
        request: CallerRequest,
        *,
        scopes: Sequence[str] = (),
        tenant: str | None = None,
    ) -> Principal:
        """Who sent a request: `Authorization: Bearer KEY`, or `X-API-Key: KEY`.

        Args:
            request: which.
            scopes: see `verify`, which says what is raised too.
            tenant: see there.
        """
        credential = credential_of(request.headers)
        if credential is None:
            self._refuse("missing", None)
        return await self.verify(credential, scopes=scopes, tenant=tenant)

    # Its life

    async def close(self) -> None:
        """Write down when keys were used, and let go what is open; it can be used on."""
        await self._work.do(self._write_uses)
        await self._work.close()
        self._tables.close()

    # In a thread

    def _ready(self) -> VaultTables:
        if not self._opened:
            self._tables.open()
            self._opened = True
        return self._tables

    def _create(self, name: str, scopes: str, tenant: str, expires_in: float | None) -> NewApiKey:
        with self._ready().transaction() as rows:
            now = self._clock.now()
            ends = None if expires_in is None else now + expires_in
            text, row = self._made(name, scopes, tenant, now, ends)
            ApiKeyRows(rows).add(row)
        return NewApiKey(secret=Secret.value(text), key=api_key_of(row))

    def _made(
        self, name: str, scopes: str, tenant: str, now: float, ends: float | None
    ) -> tuple[str, ApiKeyRow]:
        text, prefix = new_key(self._brand, self._entropy)
        row = ApiKeyRow(
            id=self._ids(),
            prefix=prefix,
            hash=hash_of(text),
            name=name,
            scopes=scopes,
            tenant=tenant,
            created_at=now,
            expires_at=ends,
        )
        return text, row

    def _list(self, tenant: str | None) -> tuple[ApiKey, ...]:
        with self._ready().reading() as rows:
            return tuple(api_key_of(row) for row in ApiKeyRows(rows).of_tenant(tenant))

    def _revoke(self, key: str) -> ApiKey:
        with self._ready().transaction() as rows:
            keys = ApiKeyRows(rows)
            found = _named(keys, key)
            keys.revoke(found.id, self._clock.now())
            after = _named(keys, found.id)
        self._known.forget(after.prefix)
        return api_key_of(after)

    def _rotate(self, key: str, grace: float) -> NewApiKey:
        with self._ready().transaction() as rows:
            keys, now = ApiKeyRows(rows), self._clock.now()
            old = _named(keys, key)
            if not api_key_of(old).usable(now):
                raise InvalidRequestError(f"{old.prefix} is not taken any more: create another")
            life = None if old.expires_at is None else old.expires_at - old.created_at
            ends = None if life is None else now + life
            text, row = self._made(old.name, old.scopes, old.tenant, now, ends)
            keys.add(row)
            keys.expire(old.id, min(now + grace, old.expires_at or float("inf")))
        self._known.forget(old.prefix)
        return NewApiKey(secret=Secret.value(text), key=api_key_of(row))

    def _look(self, prefix: str) -> ApiKeyRow | None:
        asked_at = self._clock.monotonic()
        with self._ready().reading() as rows:
            row = ApiKeyRows(rows).find(prefix)
        self._known.keep(prefix, row, asked_at)
        return row

    def _write_uses(self) -> None:
        uses = self._uses.take()
        if not uses:
            return
        try:
            with self._ready().transaction() as rows:
                ApiKeyRows(rows).used(uses.items())
        except StoreError as error:  # whoever calls has nothing to do with it
            self._uses.put_back(uses)
            self.listeners.emit(KeyUseUnwritten(error=str(error)))

    # Deciding

    async def _found(self, prefix: str) -> ApiKeyRow | None:
        fresh, row = self._known.fresh(prefix)
        if fresh:
            return row
        if not self._known.seen(prefix):
            self._limited(self._meters.count_look, None)
        return await self._work.join(prefix, partial(self._look, prefix))

    def _admit(self, row: ApiKeyRow) -> None:
        self._limited(partial(self._meters.count, row.id), row)

    def _limited(self, count: Callable[[], None], row: ApiKeyRow | None) -> None:
        try:
            count()
        except LimitExceededError:
            self._tell_refused("limit", row)
            raise

    def _allowed(self, caller: Principal, scopes: Sequence[str], prefix: str | None) -> Principal:
        if caller.may(*scopes):
            return caller
        if self.listeners.active:
            self.listeners.emit(CallerRefused(reason="scope", prefix=prefix))
        raise InsufficientScopeError(scopes=tuple(scopes))

    def _refuse(self, reason: str, row: ApiKeyRow | None) -> Never:
        self._tell_refused(reason, row)
        raise UnauthenticatedError(reason=reason)

    def _tell_refused(self, reason: str, row: ApiKeyRow | None) -> None:
        if self.listeners.active:
            self.listeners.emit(CallerRefused(reason=reason, prefix=row and row.prefix))

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


def _named(keys: ApiKeyRows, name: str) -> ApiKeyRow:
    found = keys.named(name)
    if found is None:
        raise NotFoundError("there is no such API key", operation="api_keys")
    return found
