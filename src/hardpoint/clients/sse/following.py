"""Following a stream of events over one connection after another."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Final, final

from msgspec.structs import replace

from hardpoint.calls.connection import Connection
from hardpoint.clients.reconnecting import Follow, Gap, Outages, StreamLost, StreamResumed
from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.streaming import StreamOpening
from hardpoint.clients.sse.parsing import EventParser, ServerEvent
from hardpoint.core.errors import MisuseError, UnavailableError, UnexpectedResponseError
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

    def opener(own: Mapping[str, str]) -> StreamOpening:
        every = replace(options, headers={**(options.headers or {}), **own})
        return StreamOpening(calls, "GET", path, params, every, bytes_max=None, idle=follow.idle)

    return EventFollowing(opener, calls.connection, last_id=last_id, follow=follow)


@final
class EventFollowing(AsyncIterator[ServerEvent | Gap]):
    """The events of one stream; see `RestClient.events`.

    Args:
        opener: makes each connection.
        connection: whose it is.
        last_id: where to begin.
        follow: how it is taken up again.
    """

    def __init__(
        self,
        opener: Opener,
        connection: Connection,
        *,
        last_id: str,
        follow: Follow,
    ) -> None:
        self._opener = opener
        self._connection = connection
        self._resumes = follow.resumes
        self._bytes_max = follow.bytes_max
        self._outages = Outages(follow)
        self._retry = 0.0
        self._opening: StreamOpening | None = None
        self._unfolding: Unfolding | None = None
        self._parser = EventParser(last_id, bytes_max=follow.bytes_max)
        self._ready: deque[ServerEvent | Gap] = deque()
        self._broken: Exception = UnavailableError("never opened")
        self._reason = ""
        self._due: float | None = None
        self._over = self._entered = self._taking = False
        self._operation = ""
        self.last_id = last_id

    async def enter(self) -> None:
        """Open it, under the policy.

        Raises:
            HardpointError: as `RestClient.stream` does.
        """
        if self._entered:
            raise MisuseError("A stream of events is opened once; ask for another")
        self._entered = True
        await self._open()

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; who waits for an event is told that there is none."""
        self._over = True
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.leave(kind, error, trace)

    async def __anext__(self) -> ServerEvent | Gap:
        if not self._entered:
            raise MisuseError("Events are read within their block: with crm.events(...) as events")
        if self._taking:
            raise MisuseError("A stream of events is read by one at a time")
        self._taking = True
        try:
            while not self._ready:
                if self._over:
                    raise StopAsyncIteration
                await self._more()
        finally:
            self._taking = False
        found = self._ready.popleft()
        if isinstance(found, ServerEvent):
            self.last_id = found.id
        return found

    async def _more(self) -> None:
        """Read on, or have another connection."""
        if self._opening is None:
            await self._again()
            return
        parser = self._parser
        try:
            piece = await self._opening.piece()
            if piece is not None:
                for some in (piece,) if self._unfolding is None else self._unfolding.feed(piece):
                    self._ready.extend(parser.feed(some))
        except UnexpectedResponseError as error:  # what it sends is no such stream
            await self._close(error)
            self._over = True
            raise
        except Exception as error:  # noqa: BLE001 - raised, unless another connection helps
            await self._lost(error)
            return
        if parser.retry is not None:
            self._retry = parser.retry
        if piece is None and not self._over:
            await self._lost(None)

    async def _lost(self, error: Exception | None) -> None:
        """The connection broke, or the server has ended it: it is no answer that has an end."""
        self._broken = error or UnavailableError(
            "the server ended the stream", operation=self._operation
        )
        self._reason = f"{type(self._broken).__name__}: {self._broken}"
        await self._close(error)
        self._outages.lost(self._connection.clock.monotonic())

    async def _close(self, error: Exception | None) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.leave(error and type(error), error, error and error.__traceback__)

    async def _again(self) -> None:
        """Wait, then try another connection."""
        connection, clock = self._connection, self._connection.clock
        if self._due is None:
            self._due = clock.monotonic() + self._wait()
        await connection.runtime.pause(clock, max(0.0, self._due - clock.monotonic()))
        self._due = None
        if self._over:
            return
        since = self._parser.last_id
        try:
            await self._open()
        except Exception as error:  # noqa: BLE001 - see `Outages.next`
            self._broken = error
            return
        if self._opening is not None and self._gap(since):
            self._ready.append(Gap(since=since or None, reason=self._reason))

    def _wait(self) -> float:
        """Seconds to wait, which everybody is told."""
        connection, broken = self._connection, self._broken
        try:
            wait = self._outages.next(connection.clock.monotonic(), broken, self._retry)
        except Exception:
            self._over = True
            raise
        connection.listeners.emit(
            StreamLost(
                connection=connection.name,
                operation=self._operation,
                reason=f"{type(broken).__name__}: {broken}",
                wait=wait,
            )
        )
        return wait

    def _gap(self, since: str) -> bool:
        """Whether something may be missing after this point."""
        return not (self._resumes and _sendable(since))

    async def _open(self) -> None:
        since = self._parser.last_id
        headers = {"accept": "text/event-stream", "cache-control": "no-store"}
        if not self._gap(since):
            headers["last-event-id"] = since.encode().decode("latin-1")
        opening = self._opener(headers)
        self._operation = opening.operation
        await opening.enter()
        try:
            self._check(opening)
        except UnexpectedResponseError as error:
            await opening.leave(type(error), error, error.__traceback__)
            raise
        if self._over or opening.reply.status == 204:
            self._over = True  # closed meanwhile; or the server's word for: do not come again
            await opening.leave(None, None, None)
            return
        self._opening, self._unfolding = opening, _unfolding(opening)
        self._parser = EventParser(since, bytes_max=self._bytes_max)
        lost = self._outages.since is not None
        down = self._outages.opened(self._connection.clock.monotonic())
        listeners = self._connection.listeners
        if lost and listeners.active:
            listeners.emit(
                StreamResumed(
                    connection=self._connection.name,
                    operation=self._operation,
                    gap=self._gap(since),
                    seconds=down,
                )
            )

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
