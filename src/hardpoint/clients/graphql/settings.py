"""What a configuration says of a GraphQL API: what it says of any API, and where documents go."""

import re
from dataclasses import dataclass
from typing import Final

from hardpoint.clients.rest.requests import path_of
from hardpoint.clients.rest.settings import RestSettings
from hardpoint.core.errors import ConfigurationError, InvalidRequestError

_POINTED: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*(?:\.[_A-Za-z][_0-9A-Za-z]*)*", re.ASCII)
_UNCODED: Final = ("unknown", "answer")
_SUBSCRIPTIONS: Final = ("websocket", "sse")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLSettings(RestSettings):
    """One account at a GraphQL API: everything of `RestSettings`, and these.

    Args:
        path: where documents are sent, below `base_url`.
        idempotency_variable: the variable that carries an idempotency key, where the API honours
            one there: `input.clientMutationId`. In its place an `idempotency_header` may.
        persisted: send the digest of a query in place of its text, and the text only where the API
            does not know it (Apollo's automatic persisted queries).
        uncoded: what an error without a code says of a mutation that it stopped: `unknown`, it may
            have acted; `answer`, this API reports so what it refused to do.
        subscriptions: how it has them: `websocket` (graphql-transport-ws), or `sse`.
        subscriptions_path: where, if not at `path`.

    Raises:
        ConfigurationError: naming what is wrong.
    """

    path: str = "/graphql"
    idempotency_variable: str | None = None
    persisted: bool = False
    uncoded: str = "unknown"
    subscriptions: str = "websocket"
    subscriptions_path: str | None = None

    def __post_init__(self) -> None:
        RestSettings.__post_init__(self)  # slots: `super()` would be of another class
        for name, path in (("path", self.path), ("subscriptions_path", self.subscriptions_path)):
            try:
                path_of(path or "/", {})
            except InvalidRequestError as error:
                raise ConfigurationError(
                    name, str(error).removeprefix("path: "), fix=f'Write {name} = "/graphql"'
                ) from None
        variable = self.idempotency_variable
        if variable is not None and not _POINTED.fullmatch(variable):
            raise ConfigurationError(
                "idempotency_variable", "names no variable", fix='Write "input.clientMutationId"'
            )
        if variable is not None and self.idempotency_header is not None:
            raise ConfigurationError(
                "idempotency_variable", "is set beside idempotency_header", fix="Keep one of them"
            )
        if self.uncoded not in _UNCODED:
            raise ConfigurationError(
                "uncoded", f"is {self.uncoded!r:.40}", fix=f"One of {', '.join(_UNCODED)}"
            )
        if self.subscriptions not in _SUBSCRIPTIONS:
            raise ConfigurationError(
                "subscriptions",
                f"is {self.subscriptions!r:.40}",
                fix=f"One of {', '.join(_SUBSCRIPTIONS)}",
            )
