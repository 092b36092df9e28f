"""The blocking facade of `hardpoint.queues`; written by scripts/generate_sync."""

from collections.abc import Mapping, Sequence
from hardpoint.queues.api import _EMPTY
from hardpoint.queues.types import NewQueueMessage, QueueHandler, QueueMessage, SendResults, SentMessage, StopFlag
from hardpoint.runtime.blocking import run
import hardpoint.queues.api as asynchronous

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

    def __init__(self, wrapped: asynchronous.Queue) -> None:
        self.asynchronous = wrapped

    def send(self, body: bytes, *, attributes: Mapping[str, str]=_EMPTY, delay: int=0, group: str | None=None, idempotency_key: str | None=None) -> SentMessage:
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
        return run(self.asynchronous.send(body, attributes=attributes, delay=delay, group=group, idempotency_key=idempotency_key))

    def send_many(self, messages: Sequence[NewQueueMessage], *, idempotency_key: str | None=None) -> SendResults:
        """Send several, as many in each request as the provider takes.

        A message that is wrong in itself is refused before any is sent. What the provider refuses
        hides no other: look at `failures`, or call `check()`. None of these is sent again.

        Args:
            messages: in their order.
            idempotency_key: of them all; each may have one of its own. Where the provider knows no
                keys it is not written down: what must not be sent twice is for `send`.
        """
        return run(self.asynchronous.send_many(messages, idempotency_key=idempotency_key))

    def receive(self, *, most: int=1, wait: int=0, hidden: int | None=None) -> Sequence[QueueMessage]:
        """Receive messages, which then are nobody else's for a while.

        Args:
            most: how many at most; there may be fewer though more are waiting.
            wait: seconds to wait for one where there is none; less where the policy's timeout or
                the provider would not allow it.
            hidden: seconds for which they are nobody else's; what is not acknowledged by then is
                received again. The queue's own setting if nothing is said.
        """
        return run(self.asynchronous.receive(most=most, wait=wait, hidden=hidden))

    @property
    def wait_seconds(self) -> int:
        """The longest that `receive` waits here."""
        return self.asynchronous.wait_seconds

    def ack(self, message: QueueMessage) -> None:
        """Say that a message is done: it is not received any more.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        return run(self.asynchronous.ack(message))

    def nack(self, message: QueueMessage, *, delay: int=0) -> None:
        """Give a message back.

        Args:
            message: as it was received.
            delay: seconds until it is received again.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        return run(self.asynchronous.nack(message, delay=delay))

    def extend(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """Keep a message for so long from now on; go on with the one that is returned.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        return run(self.asynchronous.extend(message, seconds))

    def dead_letter(self, message: QueueMessage, reason: str) -> None:
        """Put a message aside with the reason, where a person looks.

        Where the provider has to copy it, a process that dies in between leaves it in both places.
        """
        return run(self.asynchronous.dead_letter(message, reason))

    def consume(self, handler: QueueHandler, *, concurrency: int=8, hidden: int | None=None, attempts: int=5, timeout: float=900.0, grace: float=10.0, stop: StopFlag | None=None) -> None:
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
        return run(self.asynchronous.consume(handler, concurrency=concurrency, hidden=hidden, attempts=attempts, timeout=timeout, grace=grace, stop=stop))
