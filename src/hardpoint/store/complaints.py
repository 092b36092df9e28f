"""Telling of batches that fail, without saying the same all the time."""

from typing import Final, final

from hardpoint.core.effects import Clock
from hardpoint.store.events import BatchFailed

COMPLAINT_SECONDS: Final = 60.0
"""Between two warnings of the same."""


@final
class Complaints:
    """Which batches have failed of late, and why; as a warning at most once a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float, int]] = {}

    def failed(self, kind: str, rows: int, reason: str) -> BatchFailed:
        """What is to be told of one that failed just now."""
        now = self._clock.monotonic()
        known, due, untold = self._known.get(kind, ("", now, 0))
        if reason != known or now >= due:
            told, after = untold + 1, (reason, now + COMPLAINT_SECONDS, 0)
        else:
            told, after = 0, (known, due, untold + 1)
        self._known[kind] = after
        return BatchFailed(kind=kind, rows=rows, reason=reason, failures=told)
