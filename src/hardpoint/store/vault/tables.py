"""What the vault asks of whatever keeps its rows: a file of its own, or the store's database."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from hardpoint.runtime.clocks import Timekeeper
from hardpoint.store.vault.rows import VaultRows


class VaultTables(Protocol):
    """Transactions on the vault's rows, one at a time among all processes that have it open.

    Attributes:
        path: beside it, on this machine, new tokens wait that could not be written.
    """

    path: Path

    def timed(self, clock: Timekeeper) -> Timekeeper:
        """The clock that leases go by, for all who share it; elsewise as this one."""
        ...

    def open(self) -> None:
        """Find the tables, make them, or bring them up to this version.

        Raises:
            StoreUnavailableError: not now.
            StoreCorruptError: it is not a vault, is damaged, or of a newer version.
        """
        ...

    def transaction(self) -> AbstractContextManager[VaultRows]:
        """One durable transaction: all of it, or, when the block raises, nothing.

        Raises:
            StoreUnavailableError: not now; nothing was written.
            StoreCorruptError: it is damaged.
        """
        ...

    def reading(self) -> AbstractContextManager[VaultRows]:
        """A look at one state of it; raises as `transaction` does."""
        ...

    def close(self) -> None:
        """Let go what is kept between transactions; it can be used on."""
        ...
