"""Answering who asks for a token: one that is known, one that is renewed, or why there is none."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import (
    ClientRefusedError,
    InvalidRequestError,
    OAuthError,
    ReauthorizationRequiredError,
    StoreError,
    TokenRefreshError,
)
from hardpoint.oauth.effects import OAuthEffects
from hardpoint.oauth.keeping import Keeper
from hardpoint.oauth.refresh import Commits, Refresher
from hardpoint.oauth.sealing import HeldCredential
from hardpoint.oauth.states import ConnectionState
from hardpoint.oauth.transitions import Timing
from hardpoint.runtime.work import Work
from hardpoint.store.vault import ConnectionRow, SlotKey

TENANT: Final = "default"
SLOT: Final = "main"
KNOWN_MOST: Final = 10_000
"""How many credentials one process remembers."""


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", re.ASCII)


@final
@dataclass(frozen=True, slots=True)
class _Known:
    """A credential, by the wall clock until when it is fresh, and until when not to look again."""

    held: HeldCredential
    fresh_until: float
    looked_until: float


@final
class TokenCache:
    """Fresh tokens by key. What another process changes shows within `Timing.cached` seconds."""

    def __init__(self, timing: Timing, clock: Clock, random: Random) -> None:
        self._timing = timing
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._random = random
        self._known: dict[SlotKey, _Known] = {}

    def known(self, key: SlotKey) -> HeldCredential | None:
        """A credential that needs no look; the way every call takes, so it does little."""
        known = self._known.get(key)
        if (
            known is None
            or self._now() >= known.fresh_until
            or self._monotonic() >= known.looked_until
        ):
            return None
        return known.held

    def due(self, row: ConnectionRow) -> bool:
        """Whether it is time to renew it."""
        if not row.refreshable:
            return False
        if row.rejected == row.version:
            return True
        return row.expires_at is not None and self._now() >= row.expires_at - self._early(row)

    def remember(self, key: SlotKey, current: HeldCredential) -> HeldCredential:
        """Hand it out without another look, at most as long as it is to be used."""
        row = current.row
        if not current.serving_at(self._now()):
            self.forget(key)
            return current
        until = self._now() + self._timing.cached
        if row.expires_at is not None:
            # One that is due and could not be renewed now is handed out to its end.
            due = self.due(row)
            until = row.expires_at - (self._early(row) if row.refreshable and not due else 0.0)
        while len(self._known) >= KNOWN_MOST:
            self._known.pop(next(iter(self._known)), None)  # the one that was first looked at
        self._known[key] = _Known(current, until, self._monotonic() + self._timing.cached)
        return current

    def forget(self, key: SlotKey) -> None:
        """Look the next time."""
        self._known.pop(key, None)

    def _early(self, row: ConnectionRow) -> float:
        """How long before its end a token is renewed: spread, so that not all come at once."""
        life = (row.expires_at or 0.0) - row.issued_at
        return min(self._timing.early, life / 5) * (1 - self._random() / 4)


@final
class Access:
    """Looks at a credential, and has it renewed where that is due."""

    def __init__(
        self,
        effects: OAuthEffects,
        cache: TokenCache,
        work: Work,
        *,
        commits: Commits,
        refresher: Refresher,
        keeper: Keeper,
    ) -> None:
        self._effects = effects
        self._cache = cache
        self._work = work
        self._commits = commits
        self._refresher = refresher
        self._keeper = keeper

    async def current(self, key: SlotKey) -> HeldCredential:
        """The credential, renewed where that is due and somebody can."""
        looked = await self.looked(key)
        if not self._cache.due(looked.row):
            return self._cache.remember(key, looked)
        if looked.serving_at(self._effects.clock.now()) and self._work.in_flight(key):
            return looked  # it lasts a while yet, and somebody is at it
        try:
            job = partial(self._refresher.renew, looked.row, looked)
            current = present(key, await self._work.join(key, job))
        except StoreError:
            if looked.serving_at(self._effects.clock.now()):
                return looked
            raise
        return self._cache.remember(key, current)

    async def refreshed(self, key: SlotKey, *, resend: bool) -> None:
        """Renew it now, due or not.

        Raises:
            ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: it could not be.
        """
        before = await self.looked(key)
        job = partial(self._refresher.renew, before.row, before, asked=True, resend=resend)
        after = present(key, await self._work.join(key, job))
        self._cache.forget(key)
        if before.row.refreshable and after.row.version == before.row.version:
            raise refusal(after, self._effects.clock.now())

    async def looked(self, key: SlotKey) -> HeldCredential:
        """The credential as it stands; begun where a client gets tokens for itself."""
        look = partial(self._commits.look, key)
        found, client = await self._work.do(look), self._effects.clients.get(key.name)
        own = client is not None and client.for_itself and key == SlotKey(TENANT, key.name)
        if own and (found is None or found.row.state == ConnectionState.DISCONNECTED.value):
            await self._work.do(partial(self._keeper.begin_own, key, key.name))
            found = await self._work.do(look)
        return present(key, found)


def checked(key: SlotKey) -> SlotKey:
    """A key whose names can be names.

    Raises:
        InvalidRequestError: one cannot.
    """
    for field, name in (("tenant", key.tenant), ("connection", key.name), ("slot", key.slot)):
        if not _NAME.fullmatch(name):
            raise InvalidRequestError(
                "takes 1 to 128 letters, digits and . _ : @ -, a letter or digit first", field=field
            )
    return key


def unknown(key: SlotKey) -> ReauthorizationRequiredError:
    """The same for what never was, what was disconnected, and what is another tenant's."""
    return ReauthorizationRequiredError(
        f"{key.name} is not connected", connection=key.name, reason="not_connected"
    )


def present(key: SlotKey, current: HeldCredential | None) -> HeldCredential:
    """What was found under a key.

    Raises:
        ReauthorizationRequiredError: nothing, or what was disconnected.
    """
    if current is None or current.row.state == ConnectionState.DISCONNECTED.value:
        raise unknown(key)
    return current


def granted(current: HeldCredential, now: float) -> HeldCredential:
    """A credential whose token can be used now.

    Raises:
        ReauthorizationRequiredError, TokenRefreshError, ClientRefusedError: it cannot.
    """
    if not current.serving_at(now):
        raise refusal(current, now)
    return current


def refusal(current: HeldCredential, now: float) -> OAuthError:
    """Why a credential that is there gives no token."""
    row = current.row
    if row.state == ConnectionState.NEEDS_REAUTH.value or not row.refreshable:
        return ReauthorizationRequiredError(
            f"{row.name} has to be connected again: {row.reason or 'its token has ended'}",
            connection=row.name,
            reason=row.reason or "expired",
        )
    if current.refused is not None:
        return ClientRefusedError(client=current.refused.name, reason=current.refused.reason)
    return TokenRefreshError(
        f"{row.name} could not be refreshed now: {row.reason or 'another process is at it'}",
        connection=row.name,
        retry_after=None if row.retry_at is None else max(row.retry_at - now, 0.0),
    )
