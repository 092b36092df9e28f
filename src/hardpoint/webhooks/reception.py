"""What receiving tells: the events that were stored, and the counts of what was refused."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, final

import msgspec

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place
from hardpoint.store.driver import Accepted, NewEvent, Refusals, Stored

TO_LOOK_AT = frozenset({Stored.CONFLICT, Stored.QUARANTINED})
"""What somebody has to look at, and is told of in any case."""
REPEATS = frozenset({Stored.DUPLICATE, Stored.CONFLICT})
"""What was there before: it is counted, and refused to nobody."""


class EventReceived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verified event was committed, or found to be there already."""

    event_id: str
    source: str
    type: str
    vendor_id: str | None
    correlation_id: str
    stored: Stored
    body_bytes: int
    seconds: float = 0.0
    """From its verification until it was durable."""
    secret: int
    """Which of the source's secrets matched, counted from 0."""
    quarantine: str | None = None

    @property
    def severity(self) -> str:
        """For the log."""
        return "warning" if self.stored in TO_LOOK_AT else "info"


class RequestsRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Requests were refused since the counters were last written."""

    severity: ClassVar[str] = "warning"
    source: str
    reason: str
    count: int


class ReceptionFault(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme or the store raised what it never may: a defect. The vendor is to come again."""

    severity: ClassVar[str] = "error"
    source: str
    doing: str
    """`verify` or `store`."""
    error: str
    place: Place | None = None
    """Where in the code; the message of the error may hold what it was about."""


def received(event: NewEvent, result: Accepted, secret: int, seconds: float) -> EventReceived:
    """What is told of an event that the store has taken."""
    return EventReceived(
        event_id=result.id,
        source=event.source,
        type=event.type,
        vendor_id=event.vendor_id,
        correlation_id=event.correlation_id,
        stored=result.stored,
        body_bytes=len(event.body),
        seconds=seconds,
        secret=secret,
        quarantine=event.malformed,
    )


@final
class RefusalCounts:
    """Requests that were refused or repeated, counted in memory until they are written."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, source: str, reason: str, now: float) -> None:
        """Count one."""
        self._counts[source, reason, int(now) // 60] += 1

    def __len__(self) -> int:
        """How many counters are held, whatever callers name."""
        return len(self._counts)

    async def flush(
        self, refuse: Callable[[Sequence[Refusals]], Awaitable[None]], listeners: Listeners
    ) -> None:
        """Write the counters: a row a source, reason and minute.

        Raises:
            StoreUnavailableError: the counts are kept for the next time.
        """
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        rows = [
            Refusals(source, reason, minute, count)
            for (source, reason, minute), count in counts.items()
        ]
        try:
            await refuse(rows)
        except StoreUnavailableError:
            self._counts.update(counts)
            raise
        for row in rows:
            if row.reason not in REPEATS:
                listeners.emit(
                    RequestsRefused(source=row.source, reason=row.reason, count=row.count)
                )
