"""Working through a queue: receive, handle, acknowledge; hold what takes long, give back failures.

One of those who are idle receives for all of them, never more than they can begin with at once. A
message is held for as long as its handler runs, up to the handler's time limit.
"""

from collections import deque
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from hardpoint.core.errors import (
    AuthenticationError,
    ConfigurationError,
    HardpointError,
    InvalidRequestError,
    MisuseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnsupportedError,
)
from hardpoint.core.traces import place_of_defect, summary_of
from hardpoint.queues.driver import QueueCapability
from hardpoint.queues.events import ConsumerHeldUp, MessageFailed
from hardpoint.queues.types import QueueHandler, QueueMessage, StopFlag
from hardpoint.runtime.teams import Team

if TYPE_CHECKING:
    from hardpoint.queues.api import Queue

EMPTY_SECONDS: Final = 0.2
"""Between two looks at a queue that does not wait by itself."""
HELD_UP_SECONDS_MAX: Final = 30.0
BACKOFF_SECONDS_MAX: Final = 900
REASON_CHARACTERS_MAX: Final = 1000
_TICK_SECONDS: Final = 1.0
_LASTING: Final = (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    MisuseError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
)
"""Errors that waiting does not mend."""


@final
class _Holding:
    """A message in hand, and until when it is nobody else's."""

    __slots__ = ("extending", "hidden_until", "message", "until")

    def __init__(self, message: QueueMessage, hidden_until: float, until: float) -> None:
        self.message = message
        self.hidden_until = hidden_until
        self.until = until
        self.extending = False


@final
class Consumption:
    """One call of `Queue.consume`.

    Args:
        queue: what is worked through.
        handler: is given each message.
        concurrency: how many at a time.
        hidden: seconds for which a message is ours before it has to be held for longer.
        attempts_max: after so many a message that fails is put aside, where that can be done.
        timeout: seconds a handler may take.
        stop: asked before each look at the queue.
        wait: seconds for which a look waits.
        team: does the work.
    """

    def __init__(
        self,
        queue: "Queue",
        handler: QueueHandler,
        *,
        concurrency: int,
        hidden: int,
        attempts_max: int,
        timeout: float,
        stop: StopFlag | None,
        wait: int,
        team: Team,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._concurrency = concurrency
        self._hidden = hidden
        self._attempts_max = attempts_max
        self._timeout = timeout
        self._stop = stop
        self._wait = wait
        self._team = team
        self._clock = queue.connection.clock
        self._ready: deque[QueueMessage] = deque()
        self._held: dict[str, _Holding] = {}
        self._groups: set[str] = set()
        self._idle = 0
        self._failures = 0
        self._over = False

    async def run(self, grace: float) -> None:
        """Work until told to stop; see `Queue.consume`."""
        jobs = [*([self._serve] * self._concurrency), self._hold]
        try:
            await self._team.work(jobs, self._end, grace)
        finally:
            while self._ready:
                await self._give_back(self._ready.popleft(), 0)

    def _end(self) -> None:
        self._over = True

    def _stopped(self) -> bool:
        if self._stop is not None and self._stop.is_set():
            self._over = True
        return self._over

    async def _serve(self) -> None:
        """One who handles messages."""
        while not self._stopped():
            message = await self._next()
            if message is None:
                continue
            with self._team.busy():
                try:
                    await self._handle(message)
                finally:
                    self._groups.discard(message.group or "")

    async def _next(self) -> QueueMessage | None:
        """The next one to begin with; None: look again."""
        self._idle += 1
        try:
            async with self._team.lock:
                if self._stopped():
                    return None
                if not self._ready:
                    self._ready.extend(await self._receive())
                return await self._chosen()
        finally:
            self._idle -= 1

    async def _chosen(self) -> QueueMessage | None:
        """Of each group one at a time, in order."""
        for message in self._ready:
            if message.group is None or message.group not in self._groups:
                self._ready.remove(message)
                if message.group is not None:
                    self._groups.add(message.group)
                now = self._clock.monotonic()
                holding = self._held[message.receipt]
                holding.until = now + self._timeout
                return message
        if self._ready:
            await self._team.pause(EMPTY_SECONDS / 4)
        return None

    async def _receive(self) -> Sequence[QueueMessage]:
        queue, began = self._queue, self._clock.monotonic()
        most = min(max(1, self._idle), queue.driver.capabilities.limits["receive_messages"])
        try:
            found = await queue.receive(most=most, wait=self._wait, hidden=self._hidden)
        except _LASTING:
            raise
        except HardpointError as error:
            self._failures += 1
            self._tell("receive", error)
            await self._team.pause(min(HELD_UP_SECONDS_MAX, 0.5 * 2 ** min(self._failures, 8)))
            return ()
        self._failures = 0
        until = began + self._hidden
        for message in found:
            self._held[message.receipt] = _Holding(message, until, began + self._timeout)
        if not found and self._clock.monotonic() - began < EMPTY_SECONDS:
            await self._team.pause(EMPTY_SECONDS)
        return found

    async def _handle(self, message: QueueMessage) -> None:
        failure: Exception | None = None
        try:
            await self._team.call(self._handler, message, self._timeout)
        except Exception as error:  # noqa: BLE001 - it is judged
            failure = error
        except BaseException:
            await self._give_back(message, 0)
            raise
        latest = await self._released(message)
        if failure is not None:
            await self._failed(latest, failure)
        else:
            await self._settle("acknowledge", self._queue.ack(latest))

    async def _failed(self, message: QueueMessage, error: Exception) -> None:
        attempts, queue = message.attempts, self._queue
        aside = QueueCapability.DEAD_LETTER in queue.driver.capabilities.flags
        dead = aside and attempts is not None and attempts >= self._attempts_max
        delay = min(BACKOFF_SECONDS_MAX, 2 ** min((attempts or 1) - 1, 10))
        place = place_of_defect(error)
        queue.connection.listeners.emit(
            MessageFailed(
                connection=queue.connection.name,
                message_id=message.id,
                attempts=attempts,
                error=summary_of(error),
                place=None if place is None else str(place),
                again_in=None if dead else delay,
            )
        )
        if dead:
            reason = summary_of(error)[:REASON_CHARACTERS_MAX].strip() or type(error).__name__
            await self._settle("put aside", queue.dead_letter(message, reason))
            return
        later = [one for one in self._ready if message.group and one.group == message.group]
        for one in later:  # they must not overtake it
            self._ready.remove(one)
            await self._give_back(one, delay)
        await self._settle("give back", queue.nack(message, delay=delay))

    async def _give_back(self, message: QueueMessage, delay: int) -> None:
        latest = await self._released(message)
        await self._settle("give back", self._queue.nack(latest, delay=delay))

    async def _released(self, message: QueueMessage) -> QueueMessage:
        """It is held no longer; with its latest receipt."""
        holding = self._held.pop(message.receipt)
        while holding.extending:
            await self._team.pause(0.01)
        return holding.message

    async def _settle(self, doing: str, call: Awaitable[None]) -> None:
        """Where this fails the message comes again, once it is nobody's."""
        try:
            await call
        except HardpointError as error:
            self._tell(doing, error)

    async def _hold(self) -> None:
        """One who sees that what is in hand stays in hand."""
        with self._team.busy():
            while not self._over or self._held:
                await self._team.pause(min(_TICK_SECONDS, self._hidden / 4))
                for holding in list(self._held.values()):
                    now = self._clock.monotonic()
                    if holding.hidden_until - now < self._hidden / 2 and now < holding.until:
                        await self._extend(holding, now)

    async def _extend(self, holding: _Holding, now: float) -> None:
        holding.extending = True
        try:
            holding.message = await self._queue.extend(holding.message, self._hidden)
            holding.hidden_until = now + self._hidden
        except (NotFoundError, PreconditionFailedError) as error:
            holding.until = now  # it is somebody else's, and will be handled once more
            self._tell("hold", error)
        except HardpointError as error:
            self._tell("hold", error)
        finally:
            holding.extending = False

    def _tell(self, doing: str, error: HardpointError) -> None:
        connection = self._queue.connection
        told: dict[str, Any] = {"doing": doing, "error": summary_of(error)}
        connection.listeners.emit(ConsumerHeldUp(connection=connection.name, **told))
