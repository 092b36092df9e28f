"""What the other side asked for: Retry-After and statuses, read from whatever was raised."""

import re
from collections.abc import Mapping
from typing import cast

from hardpoint.core.errors import RateLimitedError

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_LONGEST = 1e9  # some 30 years: beyond it only "too long" matters


def parse_retry_after(value: str, now: float) -> float | None:
    """Seconds to wait from a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3).

    Args:
        value: the header's text. Fractions of a second occur in the wild and are read.
        now: Unix seconds, from which a date is counted; one gone by is 0.

    Returns:
        None when it is neither.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST)
    from calendar import timegm
    from email.utils import parsedate_tz

    date = parsedate_tz(text)
    if date is None:
        return None
    try:
        until = timegm((*date[:6], 0, 0, 0)) - (date[9] or 0)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, until - now), _LONGEST)


def hint_of(outcome: object, now: float) -> float | None:
    """Seconds the other side asked us to wait, read from an error or a result.

    Read are `retry_after` (a number or a header's text) and the headers of the outcome or of its
    `response`, so that the errors of HTTP clients and SDKs are understood as they come.
    """
    own = _seconds(getattr(outcome, "retry_after", None), now)
    if own is not None:
        return own
    for carrier in (getattr(outcome, "response", None), outcome):
        headers = getattr(carrier, "headers", None)
        if hasattr(headers, "get"):
            found = cast(Mapping[str, object], headers)
            return _seconds(found.get("Retry-After") or found.get("retry-after"), now)
    return None


def status_of(outcome: object) -> int | None:
    """The HTTP status behind an error or result, where it carries one."""
    for carrier in (outcome, getattr(outcome, "response", None)):
        for name in ("status", "status_code"):
            status = getattr(carrier, name, None)
            if isinstance(status, int):
                return status
    return None


def is_throttled(outcome: object, hint: float | None) -> bool:
    """True when the other side asked us to slow down rather than failed."""
    return hint is not None or isinstance(outcome, RateLimitedError) or status_of(outcome) == 429


def _seconds(value: object, now: float) -> float | None:
    if isinstance(value, str):
        return parse_retry_after(value, now)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return min(float(value), _LONGEST)
    return None
