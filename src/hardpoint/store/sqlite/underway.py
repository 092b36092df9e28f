"""Which calls of this process are under way, and which of them may be reaching a provider now.

Kept in memory: one process has the store, so no other can have any under way. A call ends with what
runs it: one whose event loop was closed over it is under way no more, and nobody will say so.
"""

import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Mapping
from typing import final

from hardpoint.store.journal import Intent
from hardpoint.store.sqlite.calls import CallName, name_of


@final
class _Begun:
    """One call between its beginning and its end."""

    __slots__ = ("intent", "loop", "sending")

    def __init__(self, intent: Intent, loop: AbstractEventLoop | None) -> None:
        self.intent = intent
        self.loop = loop
        self.sending = True

    @property
    def gone(self) -> bool:
        return self.loop is not None and self.loop.is_closed()


@final
class UnderWay:
    """The calls between their beginning and their end; for all threads and event loops."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a forked child none is."""
        self._lock = threading.Lock()
        self._begun: dict[CallName, _Begun] = {}
        self._given_up: list[Intent] = []

    @property
    def sending(self) -> Mapping[CallName, bool]:
        """Each of them, and whether it may be sent; the others are asked for only."""
        with self._lock:
            return {name: one.sending for name, one in self._begun.items() if not one.gone}

    def enter(self, intent: Intent) -> bool:
        """Begin one, which may be sent; False when it is under way already."""
        name = name_of(intent)
        with self._lock:
            found = self._begun.get(name)
            if found is not None:
                if not found.gone:
                    return False
                self._given_up.append(found.intent)
            self._begun[name] = _Begun(intent, _get_running_loop())
            return True

    def mark(self, intent: Intent, *, sending: bool) -> None:
        """Say whether one that has begun may be sent now."""
        self._begun[name_of(intent)].sending = sending

    def leave(self, intent: Intent) -> bool:
        """One has ended; False when it was given up for gone, and its key is another's now."""
        with self._lock:
            others = [one for one in self._given_up if one is not intent]
            if len(others) < len(self._given_up):
                self._given_up = others
                return False
            del self._begun[name_of(intent)]
            return True
