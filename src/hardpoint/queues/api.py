"""The queue port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

from hardpoint.calls.call import CallKey, Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.core.arguments import TEXT, expect
from hardpoint.core.errors import (
    HardpointError,
    InvalidRequestError,
    ProviderError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.outcome import Operation, Repeat, derived_key
from hardpoint.queues.checks import (
    check_duration,
    check_received,
    check_seconds,
    checked_message,
    checked_messages,
)
from hardpoint.queues.driver import QueueCapability, QueueDriver
from hardpoint.queues.types import (
    NewQueueMessage,
    QueueHandler,
    QueueMessage,
    SendResults,
    SentMessage,
    StopFlag,
)

REASON_CHARACTERS_MAX = 1000
CONCURRENCY_MAX = 1000
ATTEMPTS_MAX = 1000

_SEND = Operation("send", Repeat.NEEDS_KEY)
_SEND_MANY = Operation("send_many", Repeat.NEEDS_KEY)
_RECEIVE = Operation("receive", Repeat.SAFE)
_ACK = Operation("ack", Repeat.IDEMPOTENT)
_NACK = Operation("nack", Repeat.IDEMPOTENT)
_EXTEND = Operation("extend", Repeat.IDEMPOTENT)
_DEAD_LETTER = Operation("dead_letter", Repeat.IDEMPOTENT)
_WAITED = 0.8
"""How much of an attempt's time may be spent waiting for messages."""
_EMPTY: Mapping[str, str] = {}


@final
class Queue:
    """Sends and receives messages through one connection: one queue at a provider.

    A message comes at least once: whoever handles it has to bear a repeat, or to know its `id`.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: it may have taken effect. To acknowledge, hold or give back a message
            may be done again; `send` only under a key that the provider honours.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, driver: QueueDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)
        self._limits = driver.capabilities.limits

    async def send(
        self,
        body: bytes,
        *,
        attributes: Mapping[str, str] = _EMPTY,
        delay: int = 0,
        group: str | None = None,
        idempotency_key: str | None = None,
    ) -> SentMessage:
        """Send a message.

        Args:
            body: its bytes; what has more than the provider takes goes into a storage, and its key
                into the message.
            attributes: texts beside it, by names of letters, digits, `_`, `-` and `.`.
            delay: seconds for which nobody receives it.
            group: messages of one group are received in their order.
            idempotency_key: names this message; the same key sends once, by the provider's word or
                by the connection's journal. In a handler a message without one gets the job's own.
        """
        new = NewQueueMessage(body=body, attributes=attributes, delay=delay, group=group)
        checked_message(new, self.driver)
        new = _plain(new)
        return await self._calls.run_keyed(
            _SEND,
            lambda key: self.driver.send(new, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=new, returns=SentMessage),
        )

    async def send_many(
        self, messages: Sequence[NewQueueMessage], *, idempotency_key: str | None = None
    ) -> SendResults:
        """Send several, as many in each request as the provider takes.

        A message that is wrong in itself is refused before any is sent. What the provider refuses
        hides no other: look at `failures`, or call `check()`. None of these is sent again.

        Args:
            messages: in their order.
            idempotency_key: of them all; each may have one of its own. Where the provider knows no
                keys it is not written down: what must not be sent twice is for `send`.
        """
        news = [_plain(one) for one in checked_messages(messages, self.driver)]
        key = self._calls.key(_SEND_MANY, idempotency_key, news)
        outcomes: list[SentMessage | ProviderError] = []
        for some in self._batches(news):
            keys = [
                self._own_key(one, f"{key.text}/{place}")
                for place, one in enumerate(some, len(outcomes))
            ]
            outcomes += await self._sent(some, keys, _lot(key, len(outcomes)))
        return SendResults(outcomes=tuple(outcomes))

    async def receive(
        self, *, most: int = 1, wait: int = 0, hidden: int | None = None
    ) -> Sequence[QueueMessage]:
        """Receive messages, which then are nobody else's for a while.

        Args:
            most: how many at most; there may be fewer though more are waiting.
            wait: seconds to wait for one where there is none; less where the policy's timeout or
                the provider would not allow it.
            hidden: seconds for which they are nobody else's; what is not acknowledged by then is
                received again. The queue's own setting if nothing is said.
        """
        limits = self._limits
        if type(most) is not int or not 1 <= most <= limits["receive_messages"]:
            problem = f"is not 1 to {limits['receive_messages']}"
            raise InvalidRequestError(problem, field="most")
        check_seconds(wait, 3600, "wait")
        if hidden is not None:
            check_seconds(hidden, limits["hidden_seconds"], "hidden", least=1)
        kept = self.driver.hidden_seconds if hidden is None else hidden
        waited = min(wait, self.wait_seconds)
        return await self._calls.run(
            _RECEIVE, lambda: self.driver.receive(most=most, wait=waited, hidden=kept)
        )

    @property
    def wait_seconds(self) -> int:
        """The longest that `receive` waits here."""
        timeout = getattr(getattr(self.connection.policy, "settings", None), "timeout", None)
        most = self._limits["wait_seconds"]
        return most if timeout is None else min(most, int(timeout * _WAITED))

    async def ack(self, message: QueueMessage) -> None:
        """Say that a message is done: it is not received any more.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        check_received(message)
        await self._calls.run(_ACK, lambda: self.driver.ack(message))

    async def nack(self, message: QueueMessage, *, delay: int = 0) -> None:
        """Give a message back.

        Args:
            message: as it was received.
            delay: seconds until it is received again.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        check_received(message)
        check_seconds(delay, self._limits["hidden_seconds"], "delay")
        await self._calls.run(_NACK, lambda: self.driver.hide(message, delay))

    async def extend(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """Keep a message for so long from now on; go on with the one that is returned.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        check_received(message)
        check_seconds(seconds, self._limits["hidden_seconds"], "seconds", least=1)
        return await self._calls.run(_EXTEND, lambda: self.driver.hide(message, seconds))

    async def dead_letter(self, message: QueueMessage, reason: str) -> None:
        """Put a message aside with the reason, where a person looks.

        Where the provider has to copy it, a process that dies in between leaves it in both places.
        """
        check_received(message)
        expect(reason, str, "reason", TEXT)
        if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
            problem = f"is not 1 to {REASON_CHARACTERS_MAX} characters"
            raise InvalidRequestError(problem, field="reason")
        self.driver.capabilities.require(QueueCapability.DEAD_LETTER, self.driver.provider)
        shown = "".join(one if one.isprintable() else " " for one in reason)
        await self._calls.run(_DEAD_LETTER, lambda: self.driver.dead_letter(message, shown))

    async def consume(
        self,
        handler: QueueHandler,
        *,
        concurrency: int = 8,
        hidden: int | None = None,
        attempts: int = 5,
        timeout: float = 900.0,  # noqa: ASYNC109 - of each handler
        grace: float = 10.0,
        stop: StopFlag | None = None,
    ) -> None:
        """Work through the queue until this call is cancelled, or `stop` is set.

        A message is acknowledged when its handler returns. While the handler runs the message is
        held, up to `timeout`. When it raises, the message comes again, after 1, 2, 4 seconds and so
        on, and after `attempts` it is put aside with the reason, where there is a place for that;
        elsewhere the queue's own rules decide. Of each group one message is handled at a time.

        A stop receives nothing more, and lets handlers end for `grace` seconds; what they have not
        done by then is given back. What cannot be mended by waiting (credentials, a queue that is
        not there) is raised; all else is told, and tried again.

        Args:
            handler: is given each message; an `async def`, or a `def` that runs in a thread.
            concurrency: how many messages at a time.
            hidden: see `receive`; how soon another consumer has what this process dies on.
            attempts: how often a message is tried.
            timeout: seconds a handler may take; a plain `def` is not ended then, but its message
                is held no longer.
            grace: seconds for a stop.
            stop: an `Event`, looked at before each look at the queue.
        """
        from hardpoint.queues.consuming import Consumption  # brings asyncio along

        check_seconds(concurrency, CONCURRENCY_MAX, "concurrency", least=1)
        check_seconds(attempts, ATTEMPTS_MAX, "attempts", least=1)
        check_duration(timeout, "timeout")
        check_duration(grace, "grace", zero=True)
        if not callable(handler):
            raise InvalidRequestError("is no function", field="handler")
        if hidden is not None:
            check_seconds(hidden, self._limits["hidden_seconds"], "hidden", least=1)
        team = self.connection.runtime.team()
        team.check(handler)
        consumption = Consumption(
            self,
            handler,
            concurrency=concurrency,
            hidden=self.driver.hidden_seconds if hidden is None else hidden,
            attempts_max=attempts,
            timeout=timeout,
            stop=stop,
            wait=min(self.wait_seconds, max(1, int(grace / 2))),
            team=team,
        )
        await consumption.run(grace)

    def _batches(self, news: Sequence[NewQueueMessage]) -> Iterator[list[NewQueueMessage]]:
        """As many at a time as fit into a request."""
        some: list[NewQueueMessage] = []
        size = 0
        for one in news:
            more = self.driver.size(one)
            full = len(some) == self._limits["batch_messages"]
            if some and (full or size + more > self._limits["batch_bytes"]):
                yield some
                some, size = [], 0
            some.append(one)
            size += more
        yield some

    def _own_key(self, new: NewQueueMessage, other: str) -> str:
        """What the provider knows a message by: as `send` would have it under the same key."""
        length_max = self.driver.capabilities.key_length_max
        return derived_key(_SEND.name, new.idempotency_key or other, length_max=length_max)

    async def _sent(
        self, some: Sequence[NewQueueMessage], keys: Sequence[str], call: CallKey
    ) -> Sequence[SentMessage | ProviderError]:
        """One request; what ends it as a whole is what became of each of its messages."""

        async def attempt(_: str) -> Sequence[SentMessage | ProviderError]:
            outcomes = await self.driver.send_many(some, idempotency_keys=keys)
            if len(outcomes) != len(some):
                raise UnexpectedResponseError(
                    "the answer does not tell of each message", outcome_known=False
                )
            return outcomes

        try:
            return await self._calls.run_keyed(_SEND_MANY, attempt, call)
        except ProviderError as error:
            return [error] * len(some)
        except HardpointError as error:  # our own policy: nothing of this request was sent
            return [self._unsent(error)] * len(some)

    def _unsent(self, error: HardpointError) -> ProviderError:
        failure = UnavailableError(
            str(error), provider=self.driver.provider, operation=_SEND_MANY.name
        )
        failure.__cause__ = error
        return failure


def _lot(key: CallKey, first: int) -> CallKey:
    """Of one request of several; each message has its own beside."""
    return CallKey(f"{key.text}/{first}", lasting=False)


def _plain(new: NewQueueMessage) -> NewQueueMessage:
    """With its bytes as bytes, which do not change any more."""
    if type(new.body) is bytes and type(new.attributes) is dict:
        return new
    facts: dict[str, Any] = {"body": bytes(new.body), "attributes": dict(new.attributes)}
    return NewQueueMessage(
        delay=new.delay, group=new.group, idempotency_key=new.idempotency_key, **facts
    )
