"""Renewing one credential: single flight across processes, by a fenced lease in the vault.

claim and journal (one transaction) -> send, once -> commit (fenced by the version), or spool.

The lease outlives the request's deadline, so that two never have it at a time. Should it be
overrun all the same (a process stopped, a clock set forward), the journal still says that a refresh
token is on its way, and the version that an answer belongs to decides whether it is taken.

All of this blocks; it runs where `hardpoint.runtime.work` lets it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import final

from msgspec.structs import replace

from hardpoint.core.errors import StoreError, TokenEndpointError
from hardpoint.oauth.effects import OAuthEffects
from hardpoint.oauth.sealing import HeldCredential, held, sealed
from hardpoint.oauth.spool import Spooled
from hardpoint.oauth.states import (
    ClientAccepted,
    ClientRefused,
    ConnectionChanged,
    ConnectionState,
    TokenRefreshed,
    TokenSpooled,
)
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import (
    CLIENT_RETRY_SECONDS,
    OWN,
    Next,
    asking,
    claimed,
    concern,
    failed,
    given_up,
    leased,
    moved,
    next_step,
    renewed,
    takes,
)
from hardpoint.runtime.blocking import step
from hardpoint.store.vault import ClientRow, ConnectionRow, CredentialRow, SlotKey, VaultRows

_POLL_SECONDS = 0.02
_RETRY_SECONDS = 0.5


@final
class Commits:
    """Writes rows and credentials, each change with its event."""

    def __init__(self, effects: OAuthEffects) -> None:
        self._effects = effects

    def look(self, key: SlotKey) -> HeldCredential | None:
        """The credential as it stands."""
        with self._effects.file.reading() as rows:
            row = rows.connection(key)
            return None if row is None else held(self._effects.envelope, rows, row)

    def save(
        self, rows: VaultRows, before: ConnectionRow | None, after: ConnectionRow
    ) -> Callable[[], None]:
        """Write a row; the function returned tells listeners, and belongs after the commit."""
        if after != before:
            rows.save(after)
        return lambda: self._tell(before, after)

    def keep(self, row: ConnectionRow, tokens: Tokens, started: float) -> HeldCredential | None:
        """Commit new tokens, else spool them, else try again while the lease lasts."""
        effects = self._effects
        now = effects.clock.now()
        after = renewed(row, tokens, now)
        credential = sealed(effects.envelope, after, tokens, now)
        while True:
            try:
                return self._committed(row, after, credential, tokens, started)
            except StoreError as error:
                failure = error
            try:
                effects.spool.write(Spooled(row=after, credential=credential))
            except StoreError:
                if effects.clock.monotonic() - started > effects.timing.lease:
                    raise
                effects.clock.pause(_RETRY_SECONDS)
            else:
                effects.listeners.emit(
                    TokenSpooled(
                        tenant=row.tenant,
                        connection=row.name,
                        slot=row.slot,
                        version=after.version,
                        error=str(failure),
                    )
                )
                return HeldCredential(row=after, tokens=tokens)

    def _committed(
        self,
        row: ConnectionRow,
        after: ConnectionRow,
        credential: CredentialRow,
        tokens: Tokens,
        started: float,
    ) -> HeldCredential | None:
        """Write new tokens where `row` is still what stands there; tell what has changed."""
        effects = self._effects
        recovered = False
        with effects.file.transaction() as rows:
            current = rows.connection(row.key)
            taken = takes(current, row.version)
            if taken:
                rows.add_credential(row.key, credential)
                rows.drop_credentials(row.key, before=row.version)
                rows.save(after)
                recovered = rows.accept_client(row.client or "")
        if not taken:
            self._give_back(row, tokens, current)
            return self.look(row.key)
        self._tell(current, after)
        if recovered:
            effects.listeners.emit(ClientAccepted(client=row.client or ""))
        effects.listeners.emit(
            TokenRefreshed(
                tenant=row.tenant,
                connection=row.name,
                slot=row.slot,
                version=after.version,
                seconds=effects.clock.monotonic() - started,
            )
        )
        return HeldCredential(row=after, tokens=tokens)

    def _give_back(self, row: ConnectionRow, tokens: Tokens, current: ConnectionRow | None) -> None:
        """Revoke what came for a connection that was disconnected meanwhile."""
        if current is None or current.state == ConnectionState.DISCONNECTED.value:
            with suppress(TokenEndpointError):
                step(self._effects.endpoint(row.client).give_back(tokens))

    def adopt_all(self) -> None:
        """Take into the vault what waits in the spool."""
        for spooled in self._effects.spool.waiting():
            with self._effects.file.transaction() as rows:
                before = rows.connection(spooled.row.key)
                after = self.adopt(rows, before)
            self.adopted(before, after, spooled.row)

    def adopt(self, rows: VaultRows, row: ConnectionRow | None) -> ConnectionRow | None:
        """The row, renewed by what waits in the spool for it if something does."""
        if row is None or row.attempt_at is None:
            return row
        spooled = self._effects.spool.find(row.key, row.version + 1)
        if spooled is None or not takes(row, spooled.row.version - 1):
            return row
        rows.save(spooled.row)
        rows.add_credential(row.key, spooled.credential)
        rows.drop_credentials(row.key, before=row.version)
        return spooled.row

    def adopted(
        self, before: ConnectionRow | None, after: ConnectionRow | None, spooled: ConnectionRow
    ) -> None:
        """After the commit: the file is of no more use, whether its tokens were taken or not."""
        self._effects.spool.remove(spooled.key, spooled.version)
        if after is not None and after is not before:
            self._tell(before, after)

    def _tell(self, before: ConnectionRow | None, after: ConnectionRow) -> None:
        listeners = self._effects.listeners
        if before is None or before.state != after.state:
            listeners.emit(
                ConnectionChanged(
                    tenant=after.tenant,
                    connection=after.name,
                    slot=after.slot,
                    before=None if before is None else ConnectionState(before.state),
                    after=ConnectionState(after.state),
                    reason=after.reason,
                    at=after.state_since,
                )
            )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What is to be done, under the lease where there is one."""

    step: Next
    held: HeldCredential
    before: float | None = None
    """Since when an earlier attempt is in doubt."""


@final
class Refresher:
    """Renews credentials, one at a time for each."""

    def __init__(self, effects: OAuthEffects, commits: Commits) -> None:
        self._effects = effects
        self._commits = commits

    def renew(
        self,
        seen: ConnectionRow,
        known: HeldCredential | None = None,
        *,
        asked: bool = False,
        resend: bool = False,
    ) -> HeldCredential | None:
        """The credential after the one known, or as it stands where it cannot be had now.

        Args:
            seen: what has to be renewed.
            known: its tokens, where they are known.
            asked: by somebody, so that a back-off is no reason to wait.
            resend: somebody takes it upon himself to send a token that may have been used up.

        Returns:
            None when there is no such connection.

        Raises:
            StoreError: the vault cannot be read or claimed; nothing was sent.
            ConfigurationError: its client is not configured, or a key is not at hand.
        """
        until = (
            self._effects.clock.monotonic() + self._effects.timing.lease + 1.0
        )  # it ends meanwhile
        while True:
            claim = self._claim(seen, known, asked=asked, resend=resend)
            if claim is None:
                return None
            match claim.step:
                case Next.SEND:
                    return self._sent(claim)
                case Next.ASK:
                    if not self._unused(claim):
                        return self._commits.look(seen.key)
                    asked = True
                case Next.WAIT:
                    serves = not asked and claim.held.serving_at(self._effects.clock.now())
                    if serves or not self._free(seen, until):
                        return claim.held
                case _:
                    return claim.held

    def _free(self, seen: ConnectionRow, until: float) -> bool:
        """Wait for whoever renews it; whether that is over. It only reads: the other writes."""
        effects = self._effects
        while effects.clock.monotonic() < until:
            effects.clock.pause(_POLL_SECONDS * (1 + 2 * effects.random()))
            with effects.file.reading() as rows:
                row = rows.connection(seen.key)
            if (
                row is None
                or row.version != seen.version
                or not leased(row, effects.clock.now(), effects.timing.lease)
            ):
                return True
        return False

    def _claim(
        self, seen: ConnectionRow, known: HeldCredential | None, *, asked: bool, resend: bool
    ) -> _Claim | None:
        effects = self._effects
        with effects.file.transaction() as rows:
            stored = rows.connection(seen.key)
            row = self._commits.adopt(rows, stored)
            if row is None:
                return None
            now = effects.clock.now()
            entry = self._effects.endpoint(row.client).client.entry if row.refreshable else None
            refused = self._client_refused(rows, row, now)
            what = (
                Next.NOTHING
                if entry is None or refused is not None
                else next_step(
                    row,
                    entry,
                    now,
                    seen=seen.version,
                    lease=effects.timing.lease,
                    asked=asked,
                    resend=resend,
                )
            )
            # It can be opened: that is seen before anything is journalled.
            current = held(effects.envelope, rows, row, known)
            if current is None:
                return None
            owner, lease = effects.ids(), effects.timing.lease
            match what:
                case Next.SEND:
                    after = claimed(row, now, owner=owner, lease=lease)
                case Next.ASK:
                    after = asking(row, now, owner=owner, lease=lease)
                case Next.GIVE_UP:
                    after = given_up(row, now)
                case _:
                    after = row
            tell = self._commits.save(rows, row, after)
        if row is not stored:
            self._commits.adopted(stored, row, row)
        tell()
        return _Claim(
            step=what,
            held=HeldCredential(row=after, tokens=current.tokens, refused=refused),
            before=row.attempt_at,
        )

    def _client_refused(self, rows: VaultRows, row: ConnectionRow, now: float) -> ClientRow | None:
        """The client, while it is refused: one connection asks for all of them, once a minute."""
        found = rows.client(row.client or "")
        still = found is not None and now < found.retry_at <= now + CLIENT_RETRY_SECONDS
        return found if still else None

    def _sent(self, claim: _Claim) -> HeldCredential | None:
        """Send the refresh token, once, and keep what comes."""
        row, old = claim.held.row, claim.held.tokens
        started = self._effects.clock.monotonic()
        try:
            endpoint = self._effects.endpoint(row.client)
            if row.kind == OWN:
                tokens = step(endpoint.client_credentials(endpoint.client.scopes))
            else:
                tokens = step(endpoint.refresh(claim.held.refresh_token))
        except TokenEndpointError as error:
            return self._refused(claim, error)
        return self._commits.keep(row, old.succeeded_by(tokens), started)

    def _refused(self, claim: _Claim, error: TokenEndpointError) -> HeldCredential | None:
        """Note what came in place of tokens; nothing when the credential has moved on meanwhile."""
        effects = self._effects
        row = claim.held.row
        now = effects.clock.now()
        entry = self._effects.endpoint(row.client).client.entry
        refused = ClientRow(
            name=row.client or "",
            refused_at=now,
            retry_at=now + CLIENT_RETRY_SECONDS,
            reason=error.vendor_code or "refused",
        )
        with effects.file.transaction() as rows:
            current = rows.connection(row.key)
            if current is None or not _ours(current, row):
                return None if current is None else held(effects.envelope, rows, current)
            jitter = effects.random()
            after = failed(current, error, entry, now, before=claim.before, jitter=jitter)
            tell = self._commits.save(rows, current, after)
            ours = concern(row, error) == "client"
            first = ours and rows.client(refused.name) is None
            if ours:
                rows.refuse_client(refused)
        tell()
        if first:
            effects.listeners.emit(ClientRefused(client=refused.name, reason=refused.reason))
        client = refused if ours else None
        return HeldCredential(row=after, tokens=claim.held.tokens, refused=client)

    def _unused(self, claim: _Claim) -> bool:
        """Whether the provider says that the refresh token was not used up; notes what it says."""
        effects = self._effects
        row, token = claim.held.row, claim.held.refresh_token
        try:
            active = step(self._effects.endpoint(row.client).introspect(token))
        except TokenEndpointError as error:
            self._refused(claim, error)
            return False
        with effects.file.transaction() as rows:
            current = rows.connection(row.key)
            if current is None or not _ours(current, row):
                return True
            now = effects.clock.now()
            if active:
                after = replace(
                    moved(current, ConnectionState.DEGRADED, "asked", now), attempt_at=None
                )
            else:
                after = moved(current, ConnectionState.NEEDS_REAUTH, "lost_answer", now)
            tell = self._commits.save(rows, current, after)
        tell()
        return bool(active)


def _ours(current: ConnectionRow, row: ConnectionRow) -> bool:
    """Whether a failure is still news: nobody has renewed it since, or is about to."""
    return takes(current, row.version) and current.lease_owner in {row.lease_owner, None}
