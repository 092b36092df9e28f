"""Queues: one way to send messages and to work through them, wherever they wait."""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.queues.api import Queue as Queue
    from hardpoint.queues.driver import QueueCapability as QueueCapability
    from hardpoint.queues.driver import QueueDriver as QueueDriver
    from hardpoint.queues.events import ConsumerHeldUp as ConsumerHeldUp
    from hardpoint.queues.events import MessageFailed as MessageFailed
    from hardpoint.queues.memory import MemoryQueue as MemoryQueue
    from hardpoint.queues.types import NewQueueMessage as NewQueueMessage
    from hardpoint.queues.types import QueueHandler as QueueHandler
    from hardpoint.queues.types import QueueMessage as QueueMessage
    from hardpoint.queues.types import SendResults as SendResults
    from hardpoint.queues.types import SentMessage as SentMessage
    from hardpoint.queues.types import StopFlag as StopFlag
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.queues.api": ("Queue",),
            "hardpoint.queues.driver": ("QueueCapability", "QueueDriver"),
            "hardpoint.queues.events": ("ConsumerHeldUp", "MessageFailed"),
            "hardpoint.queues.memory": ("MemoryQueue",),
            "hardpoint.queues.types": (
                "NewQueueMessage",
                "QueueHandler",
                "QueueMessage",
                "SendResults",
                "SentMessage",
                "StopFlag",
            ),
        },
    )
