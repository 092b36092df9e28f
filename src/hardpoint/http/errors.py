"""From a provider's refusal to our error: a table per provider, and what statuses mean by default.

    ERRORS = ErrorTable(
        "stripe",
        {
            (400, "idempotency_error"): Known(IdempotencyConflictError, "meaning", "action"),
            (409, "idempotency_key_in_use"): Known(UnavailableError, "...", "..."),
            (402, None): Known(declined, "...", "..."),
        },
    )
    raise ERRORS.error(Problem(status=..., code=..., message=...))

An entry for (status, code) goes before one for (None, code), that before one for (status, None),
that before `by_status`. What nobody knows is an `UnexpectedResponseError`: never success, never
retried.
"""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import final

import msgspec

from hardpoint.core.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProviderError,
    RateLimitedError,
    UnexpectedResponseError,
)

RETRY_AFTER_SECONDS_MAX = 24 * 3600.0


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the provider words it; `message` and `field` redacted already."""

    status: int
    code: str | None = None
    message: str = ""
    request_id: str | None = None
    retry_after: float | None = None
    details: Mapping[str, str] = {}
    """More of the provider's facts, for entries that look closer (`decline_code`)."""

    def facts(self, provider: str) -> dict[str, object]:
        """What every error carries."""
        return {
            "provider": provider,
            "status": self.status,
            "vendor_code": self.code,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
        }


Make = type[ProviderError] | Callable[[Problem], ProviderError]


class Known(msgspec.Struct, frozen=True):
    """What we know of one of a provider's codes: the error to raise, and words for `explain`."""

    error: Make
    meaning: str
    action: str


def by_status(status: int) -> type[ProviderError]:
    """What a status means where a provider says no more."""
    if status >= 500 or status == 408:
        return OutcomeUnknownError
    return _STATUSES.get(status, UnexpectedResponseError)


_STATUSES: dict[int, type[ProviderError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: InvalidRequestError,
    409: ConflictError,
    410: NotFoundError,
    411: InvalidRequestError,
    412: PreconditionFailedError,
    413: InvalidRequestError,
    414: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
    431: InvalidRequestError,
}


@final
class ErrorTable:
    """The errors of one provider.

    Args:
        provider: its name.
        known: (status, code) to what it means; None stands for any status, or for no code.
        otherwise: for all other statuses.
    """

    def __init__(
        self,
        provider: str,
        known: Mapping[tuple[int | None, str | None], Known],
        *,
        otherwise: Callable[[int], type[ProviderError]] = by_status,
    ) -> None:
        self.provider = provider
        self.known = known
        self._otherwise = otherwise

    def error(self, problem: Problem) -> ProviderError:
        """The error to raise for a refusal."""
        status, code = problem.status, problem.code
        known = (
            self.known.get((status, code))
            or self.known.get((None, code))
            or self.known.get((status, None))
        )
        make = known.error if known else self._otherwise(status)
        text = f"{self.provider} answered {status}" + (f" {code}" if code else "")
        if not isinstance(make, type):
            return make(problem)
        text += f": {problem.message}" if problem.message else ""
        # Nobody knows what an unknown answer did, unless it is a refusal by its status.
        unknown = make is UnexpectedResponseError and not 400 <= status < 500
        return make(text, outcome_known=False if unknown else None, **problem.facts(self.provider))  # pyright: ignore[reportArgumentType]

    def explain(self, code: str) -> tuple[Known, ...]:
        """What is known of a code, `card_declined`; empty when it is unknown."""
        return tuple(known for (_, one), known in self.known.items() if one == code)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, at most a day; None when absent or senseless.

    A date is measured from the answer's own `Date`, so that no clock is needed (RFC 9110, 10.2.3).
    """
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return min(float(text), RETRY_AFTER_SECONDS_MAX)
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("date", ""))
        seconds = (until - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # the last: a year with twenty digits
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
