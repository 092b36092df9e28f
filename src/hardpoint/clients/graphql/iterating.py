"""What `nodes` gives: something to go through, node by node."""

from collections.abc import AsyncIterator
from typing import Generic, final

from hardpoint.clients.graphql.answers import Shape
from hardpoint.clients.graphql.walking import NodeWalk


@final
class GraphQLNodes(Generic[Shape]):
    """The nodes of a connection, one after another."""

    def __init__(self, walk: NodeWalk[Shape]) -> None:
        self._walk = walk

    @property
    def cursor(self) -> str | None:
        """Where to go on, for `nodes(start=...)`: at the page whose nodes are being given.

        None on the first page.
        """
        return self._walk.cursor

    def __aiter__(self) -> AsyncIterator[Shape]:
        return self

    async def __anext__(self) -> Shape:
        return await self._walk.next()
