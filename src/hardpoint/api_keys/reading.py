"""What a request shows of who sent it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from hardpoint.core.errors import (
    CallerError,
    InsufficientScopeError,
    LimitExceededError,
    StoreError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedResponseError,
)

_SCHEME: Final = "bearer "
Refusing = (
    CallerError | LimitExceededError | StoreError | UnavailableError | UnexpectedResponseError
)
REFUSALS: Final = (
    CallerError,
    LimitExceededError,
    StoreError,
    UnavailableError,
    UnexpectedResponseError,
)
"""What is raised where a request is not let in."""


SIGNED_BODY_BYTES_MAX: Final = 1024 * 1024
"""The largest body that is read to check its signature: nobody knows yet who sent it."""


class BodyTooLargeError(CallerError):
    """The body is too large to be read before anybody knows who sent it."""

    status = 413
    word = "too_large"


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


def answer_to(error: Refusing) -> CallerAnswer:
    """What to say: the same for every kind of bad credentials."""
    match error:
        case UnauthenticatedError():
            said, headers = error.word, {"www-authenticate": "Bearer"}
        case InsufficientScopeError():
            scope = " ".join(error.scopes)
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            said, headers = error.word, {"www-authenticate": challenge}
        case LimitExceededError():
            wait = error.retry_after or 0.0
            return CallerAnswer(429, "too_many_requests", {"retry-after": f"{int(wait) + 1}"})
        case StoreError() | UnavailableError() | UnexpectedResponseError():
            return CallerAnswer(503, "unavailable", {"retry-after": "5"})
        case _:
            said, headers = error.word, {}
    return CallerAnswer(error.status, said, headers)


def target_of(environ: Mapping[str, object], otherwise: str) -> str:
    """Path and query as they were sent, where a WSGI server says so, as most do.

    Args:
        environ: of the request.
        otherwise: as the framework puts them together again.
    """
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    return raw if isinstance(raw, str) and raw.startswith("/") else otherwise
