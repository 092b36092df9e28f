"""What a GraphQL answer says: data, errors, and what the call has cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, cast, final

import msgspec

from hardpoint.clients.graphql.errors import ReportedError
from hardpoint.clients.rest.answers import is_json
from hardpoint.core.decoding import UNREADABLE
from hardpoint.http.messages import Response
from hardpoint.http.quotas import RESET_SECONDS_MAX
from hardpoint.http.redaction import redacted
from hardpoint.resilience.recognition import Quota

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Shape = TypeVar("Shape", default=dict[str, Any])
else:
    from typing import TypeVar

    Shape = TypeVar("Shape")

ERRORS_MAX: Final = 100
"""So many of an answer's errors are kept."""
_NULL: Final = b"null"
_MESSAGE_CHARACTERS_MAX: Final = 1000


@final
class PartialData(msgspec.Struct, Generic[Shape], frozen=True):
    """What came, and what did not.

    Attributes:
        data: as the type that was asked for.
        errors: why some of it is missing; empty where all is there.
    """

    data: Shape
    errors: tuple[ReportedError, ...] = ()


@final
class GraphQLAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in GraphQL's form, whatever its status.

    Attributes:
        data: as JSON; empty where it has none, or null.
        errors: what it reports.
        extensions: what it tells beside.
        status: the HTTP status.
    """

    data: bytes
    errors: tuple[ReportedError, ...]
    extensions: Mapping[str, Any]
    status: int

    def value(self) -> Any:
        """The data, as it stands; None where there is none."""
        return msgspec.json.decode(self.data) if self.data else None


@final
class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")
    errors: Any = None
    extensions: Any = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def answer_in(reply: Response, secrets: Sequence[str]) -> GraphQLAnswer | None:
    """What it says; None where it is not in GraphQL's form.

    Args:
        reply: of any status.
        secrets: what is not shown where a message quotes it.
    """
    if not is_json(reply.headers.get("content-type", "application/json")):
        return None
    try:
        said = _ENVELOPE.decode(reply.body)
        data = bytes(said.data)
        if data == _NULL:
            data = b""
        if data and not isinstance(msgspec.json.decode(data), dict):
            return None
    except UNREADABLE:
        return None
    errors = _reported(said.errors, secrets)
    if not data and not errors:
        return None
    return GraphQLAnswer(
        data=data, errors=errors, extensions=_mapping(said.extensions), status=reply.status
    )


def _reported(errors: object, secrets: Sequence[str]) -> tuple[ReportedError, ...]:
    """Each of them; what is no list of objects is one error all the same, an empty list is none."""
    if not errors:
        return ()
    found = cast("list[object]", errors) if isinstance(errors, list) else [errors]
    return tuple(_one(one, secrets) for one in found[:ERRORS_MAX])


def _one(error: object, secrets: Sequence[str]) -> ReportedError:
    said = _mapping(error)
    extensions = _mapping(said.get("extensions"))
    code = next(
        (one for one in (extensions.get("code"), said.get("type")) if isinstance(one, str)), None
    )
    path = said.get("path")
    message = said.get("message") if said else error
    return ReportedError(
        message=redacted(str(message or "")[:_MESSAGE_CHARACTERS_MAX], secrets),
        code=None if code is None else code[:200],
        path=tuple(one for one in cast("list[Any]", path or []) if isinstance(one, (str, int)))
        if isinstance(path, list)
        else (),
        extensions=extensions,
    )


def quota_left(extensions: Mapping[str, Any]) -> Quota | None:
    """How many more calls like this one the API would take now, where it counts their cost.

    `extensions.cost` as Shopify tells it: `requestedQueryCost`, and `throttleStatus` with
    `currentlyAvailable` and `restoreRate` a second
    (https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits).
    """
    cost = _mapping(extensions.get("cost"))
    status = _mapping(cost.get("throttleStatus"))
    wanted = _number(cost.get("requestedQueryCost"))
    available = _number(status.get("currentlyAvailable"))
    rate = _number(status.get("restoreRate"))
    if not wanted or available is None or not rate:
        return None
    missing = max(wanted - available, 0.0)
    return Quota(
        remaining=int(available // wanted), reset_in=min(missing / rate, RESET_SECONDS_MAX)
    )


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12:
        return float(value)
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
