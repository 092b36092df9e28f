"""What a fake vendor did: the truth that a test compares with what its caller believes."""

import threading
from collections.abc import Mapping
from typing import Any, final

import msgspec


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened: `charge` with its facts."""

    kind: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        """`charge(amount=4200, currency='eur')`."""
        return (
            f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.facts.items())})"
        )


@final
class Ledger:
    """An append-only list, safe to read from any thread."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []
        self._lock = threading.Lock()

    def record(self, kind: str, **facts: Any) -> None:
        """Something happened."""
        with self._lock:
            self._entries.append(LedgerEntry(kind=kind, facts=facts))

    def entries(self, kind: str | None = None, **facts: Any) -> tuple[LedgerEntry, ...]:
        """What happened so far, of one kind and with these facts, in order."""
        with self._lock:
            entries = tuple(self._entries)
        return tuple(
            entry
            for entry in entries
            if kind in {None, entry.kind}
            and all(entry.facts.get(name) == value for name, value in facts.items())
        )

    def count(self, kind: str | None = None, **facts: Any) -> int:
        """How often."""
        return len(self.entries(kind, **facts))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
