"""Queues that feed the inbox: their messages become events, acknowledged once they are committed.

In each process that runs handlers one loop a source asks its queue. It asks for no more while the
store will not take what it has, or while so much of the source waits that nobody could begin with
more.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from math import inf
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote

from hardpoint.core.errors import HardpointError
from hardpoint.core.traces import summary_of
from hardpoint.hub.queue_sources import QueueSource
from hardpoint.queues.api import Queue
from hardpoint.queues.consuming import EMPTY_SECONDS
from hardpoint.queues.events import ConsumerHeldUp
from hardpoint.queues.types import QueueMessage
from hardpoint.webhooks.answers import STORED, Answer
from hardpoint.webhooks.event_facts import FactFrom
from hardpoint.webhooks.sources import NoRequests, Source
from hardpoint.webhooks.verification import Notification, Verified, WebhookRequest

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub

GROUP_HEADER: Final = "x-message-group"
HELD_UP_SECONDS_MAX: Final = 30.0
_LOOK_SECONDS: Final = 1.0
_BODY_BYTES_MAX: Final = 64 * 1024 * 1024
_EXTENDED: Final = "UTF-8''"


@final
class Pulling:
    """Asks every queue that is a source, for as long as handlers run here.

    Args:
        hub: whose.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    async def run(self) -> None:
        """Ask them, as the configuration has them from time to time, until cancelled."""
        loops: dict[QueueSource, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = set(self._hub.settings.sources.values())
                for gone in loops.keys() - wanted:
                    loops.pop(gone).cancel()
                for source in wanted - loops.keys():
                    loops[source] = asyncio.create_task(_Loop(self._hub, source).run())
                await asyncio.sleep(_LOOK_SECONDS)
                for task in loops.values():
                    if task.done():
                        task.result()  # a defect: what can go wrong is told, and tried again
        finally:
            for task in loops.values():
                task.cancel()
            await asyncio.gather(*loops.values(), return_exceptions=True)


@final
class _Loop:
    """Asks one queue."""

    def __init__(self, hub: "Hub", source: QueueSource) -> None:
        self._hub = hub
        self._source = source
        self._type = FactFrom("type_from", source.type_from)
        self._failures = 0
        self._looked_at = -inf
        self._backlog_then = 0

    async def run(self) -> None:
        """Ask, until cancelled; what is wrong is told, and tried again."""
        while True:
            try:
                if not await self._round():
                    await asyncio.sleep(_LOOK_SECONDS)
                self._failures = 0
            except HardpointError as error:
                self._failures += 1
                self._tell("receive", error)
                await asyncio.sleep(min(HELD_UP_SECONDS_MAX, 0.5 * 2 ** min(self._failures, 8)))

    async def _round(self) -> bool:
        """Ask once; whether to ask again at once."""
        hub = self._hub
        if await self._backlog() >= self._source.backlog:
            return False
        queue = hub.queue(self._source.connection)
        most = queue.driver.capabilities.limits["receive_messages"]
        clock = queue.connection.clock
        began = clock.monotonic()
        messages = await queue.receive(most=most, wait=queue.wait_seconds)
        if not messages:  # not every queue waits for as long as it is asked to
            if clock.monotonic() - began < EMPTY_SECONDS:
                await asyncio.sleep(min(EMPTY_SECONDS, _LOOK_SECONDS))
            return queue.wait_seconds > 0
        self._backlog_then += len(messages)
        stored = [self._stored(one) for one in messages]
        try:
            answers = await asyncio.gather(*stored)
        except asyncio.CancelledError:
            await self._settle(queue, messages, [None] * len(messages))
            raise
        await self._settle(queue, messages, answers)
        return all(map(_committed, answers))

    async def _backlog(self) -> int:
        """How many of its events wait: as the store has it once a second, and what came since."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._backlog_then = await asyncio.to_thread(self._waiting)
            self._looked_at = now
        return self._backlog_then

    def _waiting(self) -> int:
        """How many of its events wait in the store."""
        with closing(self._hub.reader()) as reader:
            return sum(
                one.waiting for one in reader.traffic(limit=0) if one.source == self._source.name
            )

    async def _stored(self, message: QueueMessage) -> Answer:
        """Hand it to the inbox; what that answers once it is committed, or will not be."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        request = _request(message)
        names = frozenset(name for name, _ in request.headers)
        source = Source(
            name=self._source.name, scheme=NoRequests(names), body_bytes_max=_BODY_BYTES_MAX
        )
        event = Notification(id=message.id, type=self._type_of(message, request))
        now = self._hub.receiver.now()
        self._hub.receiver.admit(source, request, Verified(events=(event,)), now, done)
        return await answered

    def _type_of(self, message: QueueMessage, request: WebhookRequest) -> str:
        """By an attribute, whatever it is written in; or from the body."""
        wanted = self._type.header.lower()
        if not wanted:
            return self._type.of(request)
        named = [text for name, text in message.attributes.items() if name.lower() == wanted]
        return named[-1] if named else ""

    async def _settle(
        self, queue: Queue, messages: Sequence[QueueMessage], answers: Sequence[Answer | None]
    ) -> None:
        """Acknowledge what is committed, give back what is not."""
        pairs = zip(messages, answers, strict=True)
        await asyncio.gather(*(self._settled(queue, *one) for one in pairs))

    async def _settled(self, queue: Queue, message: QueueMessage, answer: Answer | None) -> None:
        try:
            if _committed(answer):
                await queue.ack(message)
            else:
                await queue.nack(message)
        except HardpointError as error:  # it comes again, and is known by its id then
            self._tell("acknowledge" if _committed(answer) else "give back", error)

    def _tell(self, doing: str, error: HardpointError) -> None:
        self._hub.listeners.emit(
            ConsumerHeldUp(connection=self._source.connection, doing=doing, error=summary_of(error))
        )


def _committed(answer: Answer | None) -> bool:
    return answer is not None and answer.status == STORED.status


def _request(message: QueueMessage) -> WebhookRequest:
    """A message as the inbox takes what comes: its attributes are headers."""
    headers = {name.lower().encode(): _field(text) for name, text in message.attributes.items()}
    if message.group is not None:
        headers[GROUP_HEADER.encode()] = _field(message.group)
    return WebhookRequest.raw("POST", "", list(headers.items()), message.body)


def _field(text: str) -> bytes:
    """A text as a header can hold it: what is not Latin-1 as RFC 8187 has it, and whole."""
    if not text.startswith(_EXTENDED):
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            pass
    return (_EXTENDED + quote(text, errors="surrogatepass")).encode()
