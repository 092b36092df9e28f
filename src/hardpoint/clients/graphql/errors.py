"""What a GraphQL API reports in place of data, or beside it."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import msgspec

from hardpoint.core.errors import ProviderError


@final
class ReportedError(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an answer's `errors`.

    Attributes:
        message: its sentence, redacted.
        code: `extensions.code`, or `type` where an API says it there.
        path: which field failed, `("refund", 0, "amount")`; empty where the whole request did.
        extensions: whatever else it says.
    """

    message: str = ""
    code: str | None = None
    path: tuple[str | int, ...] = ()
    extensions: Mapping[str, Any] = {}


class GraphQLError(ProviderError):
    """The API reports errors: read them; a repeat would mostly bring the same.

    Attributes:
        errors: all of them, in order; at least one.
        data: what came beside them; None where nothing did.
        path: the field that the first one names.
    """

    code = "graphql"

    def __init__(
        self,
        message: str | None = None,
        *,
        errors: Sequence[ReportedError] = (),
        data: Any = None,
        **facts: object,
    ) -> None:
        super().__init__(message, **facts)  # pyright: ignore[reportArgumentType]
        self.errors = tuple(errors)
        self.data = data
        self.path = self.errors[0].path if self.errors else ()
