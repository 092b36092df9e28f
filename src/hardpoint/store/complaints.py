"""Telling of batches that fail or wait, without saying the same all the time."""

from typing import Final, final

from hardpoint.core.effects import Clock
from hardpoint.store.events import BatchFailed, BatchStalled

COMPLAINT_SECONDS: Final = 60.0
"""Between two warnings of the same."""


@final
class Complaints:
    """Which batches have failed or waited of late, and why; a warning at most once a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float, int]] = {}

    def failed(self, kind: str, rows: int, reason: str) -> BatchFailed:
        """What is to be told of one that failed just now."""
        failures = self._untold(kind, reason)
        return BatchFailed(kind=kind, rows=rows, reason=reason, failures=failures)

    def stalled(self, kind: str, rows: int, seconds: float, reason: str) -> BatchStalled:
        """The same of one that is under way."""
        stalls = self._untold(f"{kind} stalled", reason)
        return BatchStalled(kind=kind, rows=rows, seconds=seconds, reason=reason, stalls=stalls)

    def _untold(self, about: str, reason: str) -> int:
        """How many there were since it was said last, with this one; 0: it is no news."""
        now = self._clock.monotonic()
        known, due, untold = self._known.get(about, ("", now, 0))
        if reason != known or now >= due:
            told, after = untold + 1, (reason, now + COMPLAINT_SECONDS, 0)
        else:
            told, after = 0, (known, due, untold + 1)
        self._known[about] = after
        return told
