"""The seam for breaker state that several processes share."""

from collections.abc import Hashable
from typing import Protocol

from hardpoint.resilience.circuit import Circuit


class SharedState(Protocol):
    """Told of every circuit, and never asked during a call: decisions stay local.

    An implementation hears what changes here through a listener (`CircuitChanged`), and passes on
    what others agree upon with `Circuit.advise`.
    """

    def attach(self, policy: str, key: Hashable, circuit: Circuit) -> None:
        """A circuit was made. It must not block."""
        ...
