"""Through a Relay connection, page by page: one call each, and never in a circle."""

from collections.abc import Mapping
from typing import Any, Final, Generic, cast, final

import msgspec

from hardpoint.clients.graphql.answers import Shape
from hardpoint.clients.graphql.calling import GraphQLCalls
from hardpoint.clients.graphql.driver import GraphQLCall
from hardpoint.clients.rest.answers import (
    DOCUMENT,
    RestAnswer,
    at_pointer,
    check_readable,
    converted,
    unexpected,
)
from hardpoint.core.errors import InvalidRequestError

PAGES_MAX: Final = 10_000


@final
class NodeWalk(Generic[Shape]):
    """The nodes of one connection; see `GraphQLClient.nodes` for the arguments.

    Attributes:
        cursor: where the page begins whose nodes are being given; None for the first.
    """

    def __init__(
        self,
        calls: GraphQLCalls,
        call: GraphQLCall,
        *,
        at: str,
        after: str,
        into: type[Shape],
        pages_max: int,
        start: str | None,
    ) -> None:
        if not at or not all(at.split(".")):
            raise InvalidRequestError('names no field: write "products"', field="at")
        check_readable(into)
        self._calls = calls
        self._call = call
        self._at = at
        self._after = after
        self._into = into
        self._most = self._left = pages_max
        self._seen = {start}
        self._more = True
        self._next = start
        self._nodes: list[Shape] = []
        self.cursor: str | None = None

    async def next(self) -> Shape:
        """The next node.

        Raises:
            StopAsyncIteration: there is none.
        """
        while not self._nodes:
            if not self._more:
                raise StopAsyncIteration
            await self._turn()
        return self._nodes.pop()

    async def _turn(self) -> None:
        """Have the next page, and know which comes after it."""
        self.cursor = self._next
        variables = self._call.variables
        if self._next is not None:
            variables = {**variables, self._after: self._next}
        call = msgspec.structs.replace(self._call, variables=variables)
        data: Any = await self._calls.query(call, DOCUMENT)
        answer = RestAnswer(200)
        connection = _at(data, self._at)
        info = connection.get("pageInfo")
        if not isinstance(info, dict):
            raise unexpected(answer, f"has no pageInfo in {self._at}", self._calls.provider)
        found = cast("Mapping[str, Any]", info)
        nodes = converted(
            answer,
            _nodes(connection),
            list[self._into],  # pyright: ignore[reportInvalidTypeArguments] - known when it runs
            self._calls.provider,
            self._calls.driver.secrets,
        )
        self._left -= 1
        self._more = found.get("hasNextPage") is True
        if self._more:
            self._next = self._following(answer, found.get("endCursor"))
        nodes.reverse()
        self._nodes = nodes

    def _following(self, answer: RestAnswer, cursor: object) -> str:
        provider = self._calls.provider
        if not isinstance(cursor, str) or not cursor:
            raise unexpected(answer, "has a next page and no endCursor", provider)
        if cursor in self._seen:
            raise unexpected(answer, "leads to a page that was there before", provider)
        if not self._left:
            raise unexpected(answer, f"is not the last, and the {self._most}th page", provider)
        self._seen.add(cursor)
        return cursor


def _at(data: object, path: str) -> Mapping[str, Any]:
    """The connection at a path of fields; an empty one where nothing is."""
    found: Any = data
    for name in path.split("."):
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _nodes(connection: Mapping[str, Any]) -> object:
    """Its `nodes`, or those of its `edges`."""
    nodes, edges = connection.get("nodes"), connection.get("edges")
    if nodes is not None or not isinstance(edges, list):
        return nodes
    return [at_pointer(one, "/node") for one in cast("list[Any]", edges)]
