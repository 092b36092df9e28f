"""Telemetry: every layer tells typed events to the listeners it was given.

An event is any frozen value; its class is its kind. Emitting is guarded by the truth of the
`Listeners` object, so that nothing is built while nobody listens:

    if listeners:
        listeners.emit(CircuitOpened(...))
"""

from collections.abc import Callable
from functools import partial
from typing import final

Listener = Callable[[object], None]
"""Takes one event. It must be quick; what it raises is counted and swallowed."""


@final
class Listeners:
    """The listeners of one component. An event reaches all of them, outside any lock."""

    __slots__ = ("_all", "failures")

    def __init__(self, *listeners: Listener) -> None:
        self._all: tuple[Listener, ...] = listeners
        self.failures = 0
        """How often a listener raised."""

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Listen from now on; the function returned ends it, and no other listening."""
        own = partial(listener)  # tells one listening from another of the same function
        self._all = (*self._all, own)

        def remove() -> None:
            self._all = tuple(known for known in self._all if known is not own)

        return remove

    def emit(self, event: object) -> None:
        """Tell everyone. A listener that raises never changes the outcome of what it watches."""
        for listener in self._all:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - telemetry must not break what it watches
                self.failures += 1
