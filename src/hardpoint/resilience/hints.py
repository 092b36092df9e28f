"""What the other side asked for: Retry-After and statuses, read from whatever came back."""

import re
from collections.abc import Callable
from typing import Any

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_LONGEST = 1e9  # some 30 years: beyond it only "too long" matters

Hints = tuple[float | None, int | None]
"""(seconds the other side asked us to wait, HTTP status), None for what it did not say."""


NOTHING: Hints = (None, None)


def hints_of(outcome: Any, now: Callable[[], float]) -> Hints:
    """The hints in an error or a result.

    Read are `retry_after` (a number, or a header's text), `status` or `status_code`, and `headers`,
    of the outcome itself or of its `response`: so the errors and responses of HTTP clients and SDKs
    are understood as they come.

    Args:
        outcome: what was raised or returned.
        now: Unix seconds, from which a date is counted.
    """
    try:
        response = getattr(outcome, "response", None)
        status = getattr(outcome, "status", None) or getattr(outcome, "status_code", None)
        status = status or getattr(outcome, "http_status", None)  # stripe
        headers = getattr(outcome, "headers", None)
        asked = getattr(outcome, "retry_after", None)
        if response is not None:
            status = status or getattr(response, "status_code", None)
            headers = headers or getattr(response, "headers", None)
        if status is None and headers is None and asked is None:
            return NOTHING
        if asked is None and headers is not None:
            asked = headers.get("Retry-After") or headers.get("retry-after")
        return _seconds(asked, now), status if isinstance(status, int) else None
    except Exception:  # noqa: BLE001 - somebody else's attribute must not change the outcome
        return NOTHING


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


def status_of(outcome: Any) -> int | None:
    """The HTTP status in an error or a result, or None."""
    return hints_of(outcome, float)[1]


def _seconds(asked: object, now: Callable[[], float]) -> float | None:
    if isinstance(asked, str):
        return parse_retry_after(asked, now())
    if isinstance(asked, (int, float)) and not isinstance(asked, bool) and asked >= 0:
        return min(float(asked), _LONGEST)
    return None
