"""What a request shows of who sent it."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hardpoint.core.errors import (
    CallerError,
    InsufficientScopeError,
    LimitExceededError,
    StoreError,
    UnauthenticatedError,
)

_SCHEME: Final = "bearer "
REFUSALS: Final = (CallerError, LimitExceededError, StoreError)
"""What is raised where a request is not let in."""


class CallerRequest(NamedTuple):
    """A request to one of our endpoints.

    Attributes:
        method: `POST`.
        target: path and query, as they were sent.
        headers: their names in any spelling.
        body: its bytes, where they are signed.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


class CallerAnswer(NamedTuple):
    """What a request hears that was not let in; `error` is the one member of a JSON object."""

    status: int
    error: str
    headers: dict[str, str]


def credential_of(headers: Iterable[tuple[str, str]]) -> str | None:
    """The key or token of a request: `Authorization: Bearer ...` or `X-API-Key: ...`.

    None where there is neither; an empty text, which is never taken, where there are several or
    the header says something else.
    """
    found: list[str] = []
    for name, value in headers:
        match name.lower():
            case "authorization":
                known = value[: len(_SCHEME)].lower() == _SCHEME
                found.append(value[len(_SCHEME) :].strip() if known else "")
            case "x-api-key":
                found.append(value.strip())
            case _:
                pass
    if not found:
        return None
    return found[0] if len(found) == 1 else ""


def answer_to(error: CallerError | LimitExceededError | StoreError) -> CallerAnswer:
    """What to say: the same for every kind of bad credentials."""
    match error:
        case UnauthenticatedError():
            said, headers = "unauthorized", {"www-authenticate": "Bearer"}
        case InsufficientScopeError():
            scope = " ".join(error.scopes)
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            said, headers = "insufficient_scope", {"www-authenticate": challenge}
        case LimitExceededError():
            wait = error.retry_after or 0.0
            return CallerAnswer(429, "too_many_requests", {"retry-after": f"{int(wait) + 1}"})
        case StoreError():
            return CallerAnswer(503, "unavailable", {"retry-after": "5"})
        case _:
            said, headers = "forbidden", {}
    return CallerAnswer(error.status, said, headers)
