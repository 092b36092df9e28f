"""Where a connection stands, and what listeners are told when that changes.

    active <-> degraded            refreshes fail for now; what is still valid is served
    active | degraded -> in_doubt  a refresh was sent, its answer is lost, and a second could
                                   end the grant; what is still valid is served
    any -> needs_reauth            the grant is gone: the user connects again, under the same name
    any -> disconnected            given back and erased

That somebody refreshes it now is no state of its own but a lease on the row.
"""

from enum import Enum
from typing import ClassVar

import msgspec


class ConnectionState(Enum):
    """Where a connection stands."""

    ACTIVE = "active"
    DEGRADED = "degraded"
    IN_DOUBT = "in_doubt"
    NEEDS_REAUTH = "needs_reauth"
    DISCONNECTED = "disconnected"


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a connection. Times are Unix seconds.

    Attributes:
        kind: `oauth`, `api_key`, `basic`, or `client` for the tokens of a client's own.
        client: what refreshes it.
        account: whose it is at the provider.
        state, reason, since: see `ConnectionState`; a stable word says why.
        expires_at: when its access token ends; None when nobody knows.
        refreshing: whether a process refreshes it now.
        failures, retry_at: refreshes that failed in a row, and when the next is due.
        client_refused: the provider refuses the client, in its own word (`invalid_client`): the
            operator's matter, no user's. None where it does not.
    """

    tenant: str
    connection: str
    slot: str
    kind: str
    client: str | None
    account: str | None
    state: ConnectionState
    reason: str | None
    since: float
    version: int
    scope: tuple[str, ...] | None
    expires_at: float | None
    refreshable: bool
    refreshing: bool
    failures: int
    retry_at: float | None
    client_refused: str | None


class ConnectionChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A connection has another state; told once, by the process that changed it."""

    tenant: str
    connection: str
    slot: str
    before: ConnectionState | None
    after: ConnectionState
    reason: str | None
    at: float

    @property
    def severity(self) -> str:
        """How loud to say it."""
        return (
            "warning"
            if self.after in {ConnectionState.NEEDS_REAUTH, ConnectionState.IN_DOUBT}
            else "info"
        )


class TokenRefreshed(msgspec.Struct, frozen=True, kw_only=True):
    """A connection has new tokens."""

    severity: ClassVar[str] = "debug"
    tenant: str
    connection: str
    slot: str
    version: int
    seconds: float


class TokenSpooled(msgspec.Struct, frozen=True, kw_only=True):
    """New tokens came, the vault could not be written, and they were kept in a file beside it."""

    severity: ClassVar[str] = "error"
    tenant: str
    connection: str
    slot: str
    version: int
    error: str


class ClientRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A provider refuses our client; told once until it is accepted again."""

    severity: ClassVar[str] = "error"
    client: str
    reason: str


class ClientAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A provider takes our client again."""

    severity: ClassVar[str] = "info"
    client: str
