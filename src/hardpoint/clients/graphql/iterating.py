"""What `nodes` and `subscribe` give: something to go through, one after another."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, final

from hardpoint.clients.graphql.answers import Shape
from hardpoint.clients.graphql.subscribing import Subscribed
from hardpoint.clients.graphql.walking import NodeWalk
from hardpoint.clients.reconnecting import Gap


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


@final
class GraphQLSubscription(Generic[Shape]):
    """The results of a subscription: within its block, an iterator, however often it breaks."""

    def __init__(self, subscribed: Subscribed[Shape]) -> None:
        self._subscribed = subscribed

    async def __aenter__(self) -> Self:
        await self._subscribed.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._subscribed.leave(kind, error, trace)

    def __aiter__(self) -> AsyncIterator[Shape | Gap]:
        return self._subscribed
