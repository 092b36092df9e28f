"""What `pages`, `stream` and `events` give: something to go through, one after another."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, final

from hardpoint.clients.reconnecting import Gap
from hardpoint.clients.rest.answers import Into
from hardpoint.clients.rest.streaming import StreamOpening
from hardpoint.clients.rest.walking import PageWalk
from hardpoint.clients.sse.following import EventFollowing
from hardpoint.clients.sse.parsing import ServerEvent
from hardpoint.http.messages import Headers


@final
class RestPages(Generic[Into]):
    """The items of a list, one after another."""

    def __init__(self, walk: PageWalk[Into]) -> None:
        self._walk = walk

    @property
    def cursor(self) -> str | None:
        """Where to go on, for `pages(start=...)`: at the page whose items are being given.

        None before the first page and at the end.
        """
        return self._walk.cursor

    def __aiter__(self) -> AsyncIterator[Into]:
        return self

    async def __anext__(self) -> Into:
        return await self._walk.next()


@final
class RestStream:
    """A large answer: within its block, an iterator over its pieces."""

    def __init__(self, opening: StreamOpening) -> None:
        self._opening = opening

    @property
    def status(self) -> int:
        """Of its head."""
        return self._opening.reply.status

    @property
    def headers(self) -> Headers:
        """Of its head."""
        return self._opening.reply.headers

    async def __aenter__(self) -> Self:
        await self._opening.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opening.leave(kind, error, trace)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._opening.pieces()


@final
class RestEvents:
    """A stream of events: within its block, an iterator over them, however often it breaks."""

    def __init__(self, following: EventFollowing) -> None:
        self._following = following

    @property
    def last_id(self) -> str:
        """Of the last event that was given: where to go on, for `events(last_id=...)`."""
        return self._following.last_id

    async def __aenter__(self) -> Self:
        await self._following.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._following.leave(kind, error, trace)

    def __aiter__(self) -> AsyncIterator[ServerEvent | Gap]:
        return self._following
