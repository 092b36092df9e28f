"""Writing what came of a refresh: into the vault, else beside it; and telling who listens."""

from collections.abc import Callable
from contextlib import suppress
from typing import final

from hardpoint.core.errors import StoreError, TokenEndpointError
from hardpoint.oauth.effects import OAuthEffects
from hardpoint.oauth.sealing import HeldCredential, held, sealed
from hardpoint.oauth.spool import Spooled
from hardpoint.oauth.states import (
    ClientAccepted,
    ConnectionChanged,
    ConnectionState,
    TokenRefreshed,
    TokenSpooled,
)
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import renewed, takes
from hardpoint.runtime.blocking import step
from hardpoint.store.vault import ConnectionRow, CredentialRow, Key, Rows

_RETRY_SECONDS = 0.5


@final
class Commits:
    """Writes rows and credentials, each change with its event."""

    def __init__(self, effects: OAuthEffects) -> None:
        self._by = effects

    def look(self, key: Key) -> HeldCredential | None:
        """The credential as it stands."""
        with self._by.file.reading() as rows:
            row = rows.connection(key)
            return None if row is None else held(self._by.envelope, rows, row)

    def save(
        self, rows: Rows, before: ConnectionRow | None, after: ConnectionRow
    ) -> Callable[[], None]:
        """Write a row; the function returned tells listeners, and belongs after the commit."""
        if after != before:
            rows.save(after)
        return lambda: self._tell(before, after)

    def keep(self, row: ConnectionRow, tokens: Tokens, started: float) -> HeldCredential | None:
        """Commit new tokens, else spool them, else try again while the lease lasts."""
        by = self._by
        now = by.clock.now()
        after = renewed(row, tokens, now)
        credential = sealed(by.envelope, after, tokens, now)
        while True:
            try:
                return self._committed(row, after, credential, tokens, started)
            except StoreError as error:
                failure = error
            try:
                by.spool.write(Spooled(row=after, credential=credential))
            except StoreError:
                if by.clock.monotonic() - started > by.timing.lease:
                    raise
                by.clock.pause(_RETRY_SECONDS)
            else:
                by.listeners.emit(
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
        by = self._by
        recovered = False
        with by.file.transaction() as rows:
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
            by.listeners.emit(ClientAccepted(client=row.client or ""))
        by.listeners.emit(
            TokenRefreshed(
                tenant=row.tenant,
                connection=row.name,
                slot=row.slot,
                version=after.version,
                seconds=by.clock.monotonic() - started,
            )
        )
        return HeldCredential(row=after, tokens=tokens)

    def _give_back(self, row: ConnectionRow, tokens: Tokens, current: ConnectionRow | None) -> None:
        """Revoke what came for a connection that was disconnected meanwhile."""
        if current is None or current.state == ConnectionState.DISCONNECTED.value:
            with suppress(TokenEndpointError):
                step(self._by.endpoint(row.client).give_back(tokens))

    def adopt_all(self) -> None:
        """Take into the vault what waits in the spool."""
        for spooled in self._by.spool.waiting():
            with self._by.file.transaction() as rows:
                before = rows.connection(spooled.row.key)
                after = self.adopt(rows, before)
            self.adopted(before, after, spooled.row)

    def adopt(self, rows: Rows, row: ConnectionRow | None) -> ConnectionRow | None:
        """The row, renewed by what waits in the spool for it if something does."""
        if row is None or row.attempt_at is None:
            return row
        spooled = self._by.spool.find(row.key, row.version + 1)
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
        self._by.spool.remove(spooled.key, spooled.version)
        if after is not None and after is not before:
            self._tell(before, after)

    def _tell(self, before: ConnectionRow | None, after: ConnectionRow) -> None:
        listeners = self._by.listeners
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
