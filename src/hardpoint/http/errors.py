"""From a provider's refusal to our error: a table per provider, and what statuses mean by default.

    ERRORS = ErrorTable(
        "stripe",
        {
            "idempotency_error": Known(IdempotencyConflictError, "meaning", "action"),
            (409, "idempotency_key_in_use"): Known(UnavailableError, "...", "..."),
            402: Known(declined, "...", "..."),
        },
        request_id="request-id",
    )
    raise ERRORS.refusal(reply, Problem(status=..., code=..., message=...), secrets)

An entry for a status and a code goes before one for the code, that before one for the status, that
before `by_status`. What nobody knows is an `UnexpectedResponseError`: never success, never retried.

Long tables are kept as a Markdown table beside the adapter, one row a code; see `ErrorTable.read`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, Self, final

import msgspec

from hardpoint.core import errors
from hardpoint.core.errors import (
    AuthenticationError,
    ConflictError,
    DeclinedError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProviderError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.http.messages import Response
from hardpoint.http.redaction import redacted

RETRY_AFTER_SECONDS_MAX = 24 * 3600.0


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the provider words it.

    Attributes:
        status: of the answer.
        code: the provider's word for it.
        message: its sentence; `ErrorTable.refusal` redacts it.
        field: which parameter it names; redacted as well.
        request_id: what its support asks for.
        retry_after: seconds to wait.
        retryable: whether a retry makes sense, where the provider itself says so.
        details: more of its facts, for entries that look closer (`decline_code`).
    """

    status: int
    code: str | None = None
    message: str = ""
    field: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    retryable: bool | None = None
    details: Mapping[str, str] = {}

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
Entry = tuple[int | None, str | None]
"""A status and a code; None is any status, or no code."""


class Known(msgspec.Struct, frozen=True):
    """What we know of one of a provider's codes.

    Attributes:
        error: what to raise, or what makes it.
        meaning: a sentence for `explain` and the provider's page.
        action: what to do about it.
        field: the argument of ours that is wrong, where that is always the same.
        more: what else the provider's table says of it, by the names of its columns.
    """

    error: Make
    meaning: str
    action: str
    field: str | None = None
    more: Mapping[str, str] = {}


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
        known: what each (status, code) means; a code alone stands for any status, a status alone
            for a refusal without a code that is known.
        request_id: the header that names a request.
        reset: the header that says when the limit is lifted, in Unix seconds; for where there is no
            `Retry-After`.
        argument: the port's name for the parameter, or else the code, that the provider names.

    Attributes:
        known: the same by pairs, where None stands for any status, or for no code.
    """

    def __init__(
        self,
        provider: str,
        known: Mapping[Entry | str | int, Known],
        *,
        request_id: str = "x-request-id",
        reset: str | None = None,
        argument: Callable[[Problem], str | None] = lambda problem: problem.field,
    ) -> None:
        self.provider = provider
        self.known: Mapping[Entry, Known] = {_entry(one): of for one, of in known.items()}
        self._request_id = request_id
        self._reset = reset
        self._argument = argument

    @classmethod
    def read(
        cls, provider: str, path: Path, *, raises: Mapping[str, Make] | None = None, **options: Any
    ) -> Self:
        """The table that a Markdown file holds.

        Args:
            provider: its name.
            path: a file with one table or several; each row with an `error` is an entry. Columns:
                `status`, `code`, `error` (a class of `core.errors`), `field`, `meaning`, `action`,
                and whatever else, which becomes `Known.more`.
            raises: other errors by the names that the file has for them.
            options: as for the class.
        """
        known: dict[Entry | str | int, Known] = {}
        for row in table_rows(path):
            if error := row.pop("error", None):
                status, code = row.pop("status", None), row.pop("code", None)
                made = (raises or {}).get(error) or getattr(errors, error)
                meaning, action = row.pop("meaning"), row.pop("action")
                entry = Known(made, meaning, action, row.pop("field", None), row)
                known[int(status) if status else None, code] = entry
        return cls(provider, known, **options)

    def error(self, problem: Problem) -> ProviderError:
        """The error to raise for a refusal whose words may be shown."""
        status, code = problem.status, problem.code
        known = (
            self.known.get((status, code))
            or self.known.get((None, code))
            or self.known.get((status, None))
        )
        make = known.error if known else by_status(status)
        error = self._made(make, known, problem) if isinstance(make, type) else make(problem)
        # The provider's word on retrying goes before ours, but no decline is ever retried.
        if problem.retryable is False or (
            problem.retryable and not isinstance(error, DeclinedError)
        ):
            error.retryable = problem.retryable
        return error

    def refusal(
        self, reply: Response, problem: Problem, secrets: Iterable[str] = ()
    ) -> ProviderError:
        """The error for an answer that refuses: redacted, with the request's id and the wait.

        Args:
            reply: the answer.
            problem: what its body says; what the headers say is added.
            secrets: what must not be shown if the provider quotes it.
        """
        secrets, field, told = tuple(secrets), problem.field, problem.request_id
        return self.error(
            msgspec.structs.replace(
                problem,
                message=redacted(problem.message, secrets),
                field=None if field is None else redacted(field, secrets),
                request_id=reply.headers.get(self._request_id)
                or (told and redacted(told, secrets)),
                retry_after=retry_after(reply.headers, reset=self._reset),
            )
        )

    def unreadable(self, reply: Response) -> UnexpectedResponseError:
        """The error for a success in no shape we know: what it did, nobody knows."""
        return UnexpectedResponseError(
            "the answer has an unknown form",
            provider=self.provider,
            status=reply.status,
            request_id=reply.headers.get(self._request_id),
            outcome_known=False,
        )

    def explain(self, code: str) -> tuple[Known, ...]:
        """What is known of a code, `card_declined`; empty when it is unknown."""
        return tuple(known for (_, one), known in self.known.items() if one == code)

    def _made(
        self, kind: type[ProviderError], known: Known | None, problem: Problem
    ) -> ProviderError:
        status, code = problem.status, problem.code
        text = f"{self.provider} answered {status}" + (f" {code}" if code else "")
        text += f": {problem.message}" if problem.message else ""
        facts = problem.facts(self.provider)
        if issubclass(kind, InvalidRequestError):
            facts["field"] = (known and known.field) or self._argument(problem)
        # Nobody knows what an unknown answer did, unless it is a refusal by its status.
        unknown = kind is UnexpectedResponseError and not 400 <= status < 500
        return kind(text, outcome_known=False if unknown else None, **facts)  # pyright: ignore[reportArgumentType] - facts are the keywords of every kind


def table_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of every table in a Markdown file, by the names in its head; no empty cells."""
    head: list[str] | None = None
    for line in path.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line else []
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells
        elif not line.startswith("|-"):
            yield {name: cell for name, cell in zip(head, cells, strict=True) if cell}


def _entry(known: Entry | str | int) -> Entry:
    match known:
        case str():
            return None, known
        case int():
            return known, None
        case _:
            return known


def retry_after(headers: Mapping[str, str], *, reset: str | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, at most a day; None when absent or senseless.

    A date is measured from the answer's own `Date`, so that no clock is needed (RFC 9110, 10.2.3).
    So is the header that `reset` names, in Unix seconds, which counts where `Retry-After` is not.
    """
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return min(float(text), RETRY_AFTER_SECONDS_MAX)
    until = headers.get(reset, "") if reset and "retry-after" not in headers else ""
    try:
        then = float(until) if until.isdecimal() and until.isascii() else unix_date(text)
        seconds = then - unix_date(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):  # the last: a year with twenty digits
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def unix_date(date: str) -> float:
    """Unix seconds; a date without a zone is of UTC, as all are in HTTP.

    Raises:
        ValueError, TypeError, OverflowError: it is none.
    """
    from email.utils import parsedate_to_datetime  # 10 ms, and few answers hold a date

    moment = parsedate_to_datetime(date)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
