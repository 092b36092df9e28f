"""What every driver of a port must do: suites to inherit from, the same for every provider.

Those of payments, messages and storage are names of `hardpoint.provider`.
"""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.testing.conformance.functions import FunctionConformance as FunctionConformance
    from hardpoint.testing.conformance.functions import FunctionSubject as FunctionSubject
    from hardpoint.testing.conformance.queue_subject import QueueRefusals as QueueRefusals
    from hardpoint.testing.conformance.queue_subject import QueueSubject as QueueSubject
    from hardpoint.testing.conformance.queues import QueueConformance as QueueConformance
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.testing.conformance.functions": ("FunctionConformance", "FunctionSubject"),
            "hardpoint.testing.conformance.queue_subject": ("QueueRefusals", "QueueSubject"),
            "hardpoint.testing.conformance.queues": ("QueueConformance",),
        },
    )
