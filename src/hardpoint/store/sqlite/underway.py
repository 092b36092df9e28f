"""Which calls of this process are under way, and which of them may be reaching a provider now.

Kept in memory: one process has the store, so no other can have any under way.
"""

import threading
from typing import final

from hardpoint.store.sqlite.calls import CallName


@final
class UnderWay:
    """The calls between their beginning and their end; for all threads.

    Attributes:
        sending: each of them, and whether it may be sent; the others are asked for only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sending: dict[CallName, bool] = {}

    def enter(self, name: CallName) -> bool:
        """Begin one, which may be sent; False when it is under way already."""
        with self._lock:
            if name in self.sending:
                return False
            self.sending[name] = True
            return True

    def mark(self, name: CallName, *, sending: bool) -> None:
        """Say whether one that has begun may be sent now."""
        self.sending[name] = sending

    def leave(self, name: CallName) -> None:
        """One has ended."""
        del self.sending[name]
