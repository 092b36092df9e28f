"""A transaction of Django's, begun and ended by us: what is saved in it is part of it.

Django is never imported here unless one of its connections is given.
"""

import sys
from importlib import import_module
from typing import Any, final

from hardpoint.core.errors import StoreError

_FAILED = "a statement of the block has failed, and Django takes no more in its transaction"


def django_connection(target: object) -> Any | None:
    """The connection behind `django.db.connection` or `connections[...]`; None: it is none."""
    proxies: Any = sys.modules.get("django.utils.connection")
    if proxies is None:
        return None
    found: Any = target
    if isinstance(target, proxies.ConnectionProxy):
        found = found._connections[found._alias]  # its first use loads what it is
    base: Any = sys.modules.get("django.db.backends.base.base")
    return found if base is not None and isinstance(found, base.BaseDatabaseWrapper) else None


@final
class DjangoAtomic:
    """`transaction.atomic(durable=True)` on a connection, entered and left by hand."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._atomic: Any = None

    def in_transaction(self) -> bool:
        """Whether it is in one already."""
        return self.connection.in_atomic_block or not self.connection.get_autocommit()

    def begin(self) -> None:
        """Begin one."""
        transaction: Any = import_module("django.db.transaction")
        atomic = transaction.Atomic(self.connection.alias, savepoint=True, durable=True)
        atomic.__enter__()
        self._atomic = atomic

    def commit(self) -> None:
        """Commit; `on_commit` functions run then.

        Raises:
            StoreError: it could only be rolled back, which Django would do without a word.
        """
        if self.connection.needs_rollback or self.connection.closed_in_transaction:
            raise StoreError(_FAILED)
        atomic, self._atomic = self._atomic, None
        atomic.__exit__(None, None, None)

    def roll_back(self) -> None:
        """Roll back what is open."""
        atomic, self._atomic = self._atomic, None
        if atomic is not None:
            error = StoreError("the block is rolled back")
            atomic.__exit__(type(error), error, None)
