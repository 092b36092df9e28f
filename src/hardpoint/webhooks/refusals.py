"""Refused requests as an operator hears of them.

`billing: 214 refused since 02:10 UTC, signature_mismatch`. The counters say how many a minute, by
source and reason. An unbroken run of such minutes is told as one: it began when the secret was
rotated, or when the clock went wrong.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hardpoint.store.views import RefusedRun, StoreReader

DAY: Final = 86_400.0
RECENT_SECONDS: Final = 3600.0
"""A run whose last refusal is older than this is over: probes and `doctor` are silent about it."""

NEXT: Final = {
    "signature_mismatch": "compare its secret with the vendor's: one may have been rotated",
    "missing_signature": "somebody posts without a signature: is it the vendor?",
    "stale_timestamp": "compare this machine's clock with the vendor's",
    "malformed_request": "see a request with hardpoint verify",
    "unknown_key": "somebody names keys that the vendor does not publish: is it the vendor?",
    "key_unavailable": "see whether this machine reaches the vendor's keys",
    "too_large": "raise its body_bytes_max if the vendor sends that much",
    "unavailable": "hardpoint doctor",
    "connections": "raise the open file limit, or see who connects so often",
}
"""What to do about a reason."""

_OF_NOBODY = "(unknown)"
_ANYBODY = frozenset({"unknown_source", "malformed", "timeout", "headers_too_large"})
"""What whoever scans the internet causes: nothing that an operator could mend."""


def recent(reader: StoreReader, now: float) -> Sequence[RefusedRun]:
    """The runs that go on, of the sources that are configured and of the server as a whole."""
    return [
        run
        for run in reader.refused(since=now - DAY)
        if now - run.last_at <= RECENT_SECONDS + 60
        and not (run.source == _OF_NOBODY and run.reason in _ANYBODY)
    ]


def told(run: RefusedRun, now: float) -> str:
    """A run in one line."""
    return f"{run.source}: {run.count} refused since {_since(run.first_at, now)}, {run.reason}"


def _since(at: float, now: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    today = datetime.fromtimestamp(now, UTC).date() == moment.date()
    return moment.strftime("%H:%M" if today else "%Y-%m-%d %H:%M") + " UTC"
