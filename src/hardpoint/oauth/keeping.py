"""The vault's other procedures: keep, reject, give back, erase, tell; they block."""

from collections.abc import Callable
from typing import final

from msgspec.structs import replace

from hardpoint.core.errors import FlowError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.effects import OAuthEffects
from hardpoint.oauth.refresh import Commits
from hardpoint.oauth.sealing import HeldCredential, held, sealed
from hardpoint.oauth.states import ConnectionState, ConnectionStatus
from hardpoint.oauth.tokens import Tokens, same
from hardpoint.oauth.transitions import OWN, REJECTED_SECONDS, idle, leased, moved, renewed
from hardpoint.runtime.blocking import step
from hardpoint.store.vault import ConnectionRow, SlotKey, VaultRows


@final
class Keeper:
    """Changes connections by hand; a refresh under way notices by the version."""

    def __init__(self, effects: OAuthEffects, commits: Commits) -> None:
        self._effects = effects
        self._commits = commits

    def put(
        self, key: SlotKey, tokens: Tokens, *, kind: str, client: str | None, account: str | None
    ) -> None:
        """Keep new credentials under a name, in place of what it had.

        Raises:
            FlowError: the name belongs to another account.
        """
        effects = self._effects
        now = effects.clock.now()
        with effects.file.transaction() as rows:
            before = rows.connection(key)
            if before is not None and _of_another(before, account):
                raise FlowError(
                    f"{key.name} is connected to another account: disconnect it first, or connect "
                    "this account under another name",
                    reason="other_account",
                )
            after = renewed(before or _new(key, now), tokens, now)
            after = replace(
                after, kind=kind, client=client, account=account or after.account, rejected=0
            )
            rows.drop_credentials(key, before=after.version)
            rows.add_credential(key, sealed(effects.envelope, after, tokens, now))
            tell = self._commits.save(rows, before, after)
        tell()

    def begin_own(self, key: SlotKey, client: str) -> None:
        """Make the connection of a client that gets tokens for itself, with none yet."""
        effects = self._effects
        now = effects.clock.now()
        with effects.file.transaction() as rows:
            before = rows.connection(key)
            if before is not None and before.state != ConnectionState.DISCONNECTED.value:
                return
            none = Tokens(access=Secret.value("none"), issued_at=now, expires_at=now)
            row = replace(before or _new(key, now), kind=OWN, client=client)
            after = renewed(row, none, now)
            rows.drop_credentials(key, before=after.version)
            rows.add_credential(key, sealed(effects.envelope, after, none, now))
            tell = self._commits.save(rows, before, after)
        tell()

    def idle(self) -> list[ConnectionRow]:
        """Those whose refresh token would be forgotten unused, the longest idle first."""
        effects = self._effects
        now = effects.clock.now()
        with effects.file.reading() as rows:
            found = [
                row
                for row in rows.connections(None)
                if (client := effects.clients.get(row.client or "")) is not None
                and idle(row, client.entry, now)
            ]
        return sorted(found, key=lambda row: row.issued_at)

    def reject(self, key: SlotKey, token: Secret) -> bool:
        """Note that the provider's API refused a token; whether it will be replaced."""
        effects = self._effects
        now = effects.clock.now()
        with effects.file.transaction() as rows:
            row = rows.connection(key)
            if row is None or row.rejected == row.version:
                return row is not None
            current = held(effects.envelope, rows, row)
            if current is None or not same(current.tokens.access, token):
                return current is not None  # it was replaced before
            if not row.refreshable:
                after = moved(row, ConnectionState.DEGRADED, "rejected", now)
            elif 0 <= now - row.issued_at < REJECTED_SECONDS:
                return False
            else:
                after = replace(row, rejected=row.version)
            tell = self._commits.save(rows, row, after)
        tell()
        return bool(row.refreshable)

    def cut_off(self, tenant: str, name: str) -> dict[SlotKey, HeldCredential | None]:
        """Let nobody have a token of any slot from now on; gives what is kept yet."""
        effects = self._effects
        cut: dict[SlotKey, HeldCredential | None] = {}
        tells: list[Callable[[], None]] = []
        with effects.file.transaction() as rows:
            for row in rows.connections(tenant):
                if row.name == name:
                    cut[row.key] = held(effects.envelope, rows, row)
                    after = moved(
                        row, ConnectionState.DISCONNECTED, "revocation_pending", effects.clock.now()
                    )
                    tells.append(self._commits.save(rows, row, after))
        for tell in tells:
            tell()
        return cut

    def give_back(self, current: HeldCredential | None) -> bool:
        """Revoke the grant at the provider; whether it has a way to.

        Raises:
            TokenEndpointError: it did not confirm.
        """
        if current is None or current.row.client is None:
            return False
        endpoint = self._effects.endpoint(current.row.client)
        return step(endpoint.give_back(current.tokens))

    def erase(self, key: SlotKey) -> None:
        """Erase its credentials; the row stays, so that an answer that comes late is dropped."""
        effects = self._effects
        with effects.file.transaction() as rows:
            row = rows.connection(key)
            if row is not None and row.state == ConnectionState.DISCONNECTED.value:
                rows.drop_credentials(key, before=row.version + 1)
                after = moved(row, ConnectionState.DISCONNECTED, None, effects.clock.now())
                rows.save(replace(after, refreshable=0, attempt_at=None, scope=None))
                effects.spool.remove(key, row.version + 1)

    def statuses(self, tenant: str | None) -> tuple[ConnectionStatus, ...]:
        """Where connections stand, of one tenant or of all."""
        with self._effects.file.reading() as rows:
            return tuple(self._status(rows, row) for row in rows.connections(tenant))

    def status(self, key: SlotKey) -> ConnectionStatus | None:
        """Where one stands."""
        with self._effects.file.reading() as rows:
            row = rows.connection(key)
            return None if row is None else self._status(rows, row)

    def _status(self, rows: VaultRows, row: ConnectionRow) -> ConnectionStatus:
        refused = rows.client(row.client or "")
        return ConnectionStatus(
            tenant=row.tenant,
            connection=row.name,
            slot=row.slot,
            kind=row.kind,
            client=row.client,
            account=row.account,
            state=ConnectionState(row.state),
            reason=row.reason,
            since=row.state_since,
            version=row.version,
            scope=None if row.scope is None else tuple(row.scope.split()),
            expires_at=row.expires_at,
            refreshable=bool(row.refreshable),
            refreshing=leased(row, self._effects.clock.now(), self._effects.timing.lease),
            failures=row.failures,
            retry_at=row.retry_at,
            client_refused=None if refused is None else refused.reason,
        )


def _of_another(row: ConnectionRow, account: str | None) -> bool:
    live = row.state != ConnectionState.DISCONNECTED.value
    return live and row.account is not None and account is not None and row.account != account


def _new(key: SlotKey, now: float) -> ConnectionRow:
    return ConnectionRow(
        tenant=key.tenant,
        name=key.name,
        slot=key.slot,
        kind="",
        client=None,
        account=None,
        state="",
        reason=None,
        state_since=now,
        version=0,
        scope=None,
        issued_at=now,
        expires_at=None,
        refresh_expires_at=None,
        refreshable=0,
        created_at=now,
    )
