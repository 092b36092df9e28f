"""What the server tells the hub's listeners of its own life."""

from typing import ClassVar

import msgspec


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The server takes webhooks, or handles those that others take.

    Attributes:
        url: of the public listener, with the actual port; empty where there is none.
        admin_url: of the admin listener, likewise.
        pid: of this process.
    """

    url: str
    admin_url: str
    pid: int


class ServerStopping(msgspec.Struct, frozen=True, kw_only=True):
    """The server takes no new connections and finishes what it has begun."""

    reason: str


class ServerStopped(msgspec.Struct, frozen=True, kw_only=True):
    """The server has ended; its leases are released and its store is closed."""

    connections_cut: int


class ServerStuck(msgspec.Struct, frozen=True, kw_only=True):
    """Handlers or store did not stop in time; the next start releases their leases."""

    severity: ClassVar[str] = "error"
