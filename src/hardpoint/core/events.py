"""Telemetry: every layer tells typed events to the listeners it was given.

An event is any frozen value; its class is its kind, and its `severity` (`debug`, `info`, `warning`,
`error`; `info` where it has none) says how much it matters. What is a warning or worse reaches the
standard logger `hardpoint` even where nobody listens, so emit it always. The rest is for those who
listen; guard it, so that nothing is built for nobody:

    if listeners.active:
        listeners.emit(CallQueued(...))
"""

from collections.abc import Callable
from functools import partial
from typing import Final, final

from hardpoint.core.tracing import Tracer

Listener = Callable[[object], None]
"""Takes one event. It must be quick; what it raises is counted and swallowed.

One with a true attribute `writes_log` writes warnings and errors to a log of its own: then the
standard logger is not told as well. One with an attribute `tracer` begins
spans; see `core/tracing.py`.
"""

LOUD: Final = frozenset({"warning", "error"})
"""The severities that reach the log whoever listens."""


@final
class Listeners:
    """The listeners of one component. An event reaches all of them, outside any lock.

    It has no truth of its own: an empty one is not the same as none.

    Attributes:
        active: somebody listens, so that events below a warning are worth building.
        failures: how often a listener, or the log, raised.
        tracer: of the first listener that has one; None where nobody wants spans.
    """

    __slots__ = ("_all", "_logged", "active", "failures", "tracer")

    def __init__(self, *listeners: Listener) -> None:
        self.failures = 0
        self._set(listeners)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Listen from now on; the function returned ends it, and no other listening."""
        own = partial(listener)  # tells one listening from another of the same function
        self._set((*self._all, own))

        def remove() -> None:
            self._set(tuple(known for known in self._all if known is not own))

        return remove

    def emit(self, event: object) -> None:
        """Tell everyone. A listener that raises never changes the outcome of what it watches."""
        for listener in self._all:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - telemetry must not break what it watches
                self.failures += 1
        if not self._logged and getattr(event, "severity", "info") in LOUD:
            self._log(event)

    def _set(self, listeners: tuple[Listener, ...]) -> None:
        self._all = listeners
        self.active = bool(listeners)
        known = [one.func if isinstance(one, partial) else one for one in listeners]
        self._logged = any(getattr(one, "writes_log", False) for one in known)
        tracers = (getattr(one, "tracer", None) for one in known)
        self.tracer: Tracer | None = next(filter(None, tracers), None)

    def _log(self, event: object) -> None:
        from hardpoint.core.logger import write  # loaded when there is something to write

        try:
            write(event)
        except Exception:  # noqa: BLE001 - nor may an application's handler or filter
            self.failures += 1
