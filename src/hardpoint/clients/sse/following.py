"""Following a stream of events over one connection after another."""

from collections.abc import Callable, Mapping
from typing import Final, final

from msgspec.structs import replace

from hardpoint.calls.connection import Connection
from hardpoint.clients.following import Following
from hardpoint.clients.reconnecting import Follow, Gap
from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.driver import STREAM_SECONDS_MAX
from hardpoint.clients.rest.streaming import StreamOpening
from hardpoint.clients.sse.parsing import EventParser, ServerEvent
from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.http.coding import Unfolding

ID_CHARACTERS_MAX: Final = 4096
"""What is longer goes into no header."""

Opener = Callable[[Mapping[str, str]], StreamOpening]
"""Makes one opening, with these headers beside the others."""


def followed(
    calls: RestCalls,
    path: str,
    params: Mapping[str, object],
    options: RestOptions,
    *,
    last_id: str,
    follow: Follow,
) -> "EventFollowing":
    """The events of a path; see `RestClient.events`."""
    idle = STREAM_SECONDS_MAX if follow.idle is None else follow.idle

    def opener(own: Mapping[str, str]) -> StreamOpening:
        every = replace(options, headers={**(options.headers or {}), **own})
        return StreamOpening(calls, "GET", path, params, every, bytes_max=None, idle=idle)

    return EventFollowing(
        opener, calls.connection, operation=f"GET {path}", last_id=last_id, follow=follow
    )


@final
class EventFollowing(Following[ServerEvent]):
    """The events of one stream; see `RestClient.events`.

    Args:
        opener: makes each connection.
        connection: whose it is.
        operation: what it is called where it is told of.
        last_id: where to begin.
        follow: how it is taken up again.
        known: whether the opener itself says where to go on; without it the last id does.
    """

    def __init__(
        self,
        opener: Opener,
        connection: Connection,
        *,
        operation: str,
        last_id: str,
        follow: Follow,
        known: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(connection, follow, operation)
        self._opener = opener
        self._known = known
        self._opening: StreamOpening | None = None
        self._unfolding: Unfolding | None = None
        self._parser = EventParser(last_id, bytes_max=follow.bytes_max)
        self.last_id = last_id

    async def __anext__(self) -> ServerEvent | Gap:
        found = await super().__anext__()
        if isinstance(found, ServerEvent):
            self.last_id = found.id
        return found

    async def _read(self) -> None:
        parser, opening = self._parser, self._opening
        if opening is None:  # closed meanwhile
            return
        try:
            piece = await opening.piece()
            if piece is not None:
                for some in (piece,) if self._unfolding is None else self._unfolding.feed(piece):
                    self._ready.extend(parser.feed(some))
        except UnexpectedResponseError as error:  # what it sends is no such stream
            await self._ended(error)
            raise
        except Exception as error:  # noqa: BLE001 - raised, unless another connection helps
            await self._lost(error)
            return
        if parser.retry is not None:
            self._least = parser.retry
        if piece is None and not self._over:
            await self._lost(None)

    async def _disconnect(self, error: BaseException | None) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.leave(error and type(error), error, error and error.__traceback__)

    def _point(self) -> str | None:
        if self._known is not None:
            return "known" if self._known() else None
        return self._parser.last_id if _sendable(self._parser.last_id) else None

    async def _connect(self, since: str | None) -> bool:
        headers = {"accept": "text/event-stream", "cache-control": "no-store"}
        if since is not None and self._known is None:
            headers["last-event-id"] = since.encode().decode("latin-1")
        opening = self._opener(headers)
        await opening.enter()
        self._opening = opening
        try:
            self._check(opening)
        except UnexpectedResponseError as error:
            await self._disconnect(error)
            raise
        self._unfolding = _unfolding(opening)
        self._parser = EventParser(self._parser.last_id, bytes_max=self._follow.bytes_max)
        return opening.reply.status != 204

    def _check(self, opening: StreamOpening) -> None:
        reply = opening.reply
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if reply.status == 204 or (reply.status == 200 and kind == "text/event-stream"):
            return
        raise UnexpectedResponseError(
            f"it was answered {reply.status} with {kind or 'no type'!r:.80}, which is no stream of "
            "events",
            operation=self._operation,
            status=reply.status,
            outcome_known=True,
        )


def _unfolding(opening: StreamOpening) -> Unfolding | None:
    encoding = ", ".join(opening.reply.headers.all("content-encoding")).strip().lower()
    return None if encoding in {"", "identity"} else Unfolding(encoding, None)


def _sendable(last_id: str) -> bool:
    """Whether a header can carry it."""
    return (
        0 < len(last_id) <= ID_CHARACTERS_MAX
        and last_id.isprintable()
        and last_id == last_id.strip()
    )
