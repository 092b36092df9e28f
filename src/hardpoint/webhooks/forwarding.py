"""Forwarding: a verified event goes on to the user's own service, signed by us.

The raw body unchanged, the headers that were kept, and a Standard Webhooks signature whose
`webhook-id` is our event id. 2xx is done; 4xx other than 408 and 429 is final; all else is retried.
"""

from collections.abc import Callable
from typing import final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import HardpointError
from hardpoint.http.transport import Response, Transport
from hardpoint.store.driver import Event
from hardpoint.webhooks.handlers import Permanent, RetryAfter
from hardpoint.webhooks.job import Job
from hardpoint.webhooks.verification import Scheme

RETRY_AFTER_SECONDS_MAX = 3600.0
_DROPPED = frozenset({"content-length", "host", "connection", "transfer-encoding"})


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a source's events go."""

    url: str
    signing: Scheme


class ForwardRefusedError(HardpointError):
    """The service the event was forwarded to did not take it."""


@final
class Forwarder:
    """A handler that posts events to their source's target.

    Args:
        transport: how.
        target: a source's target now; None when it is no longer forwarded.
        clock: for the signature's time.
    """

    def __init__(
        self, transport: Transport, target: Callable[[str], Target | None], clock: Clock
    ) -> None:
        self._transport = transport
        self._target = target
        self._clock = clock

    async def __call__(self, event: Event, job: Job) -> None:
        """Send it once; see the module for what the answer means."""
        target = self._target(event.source)
        if target is None:
            raise ForwardRefusedError(f"{event.source} is not forwarded any more")
        headers = [(name, value) for name, value in event.headers.items() if name not in _DROPPED]
        headers += target.signing.sign(
            event.body, now=self._clock.now(), event_id=job.event_id, event_type=event.type
        )
        headers += [("x-hardpoint-source", event.source), ("x-request-id", event.correlation_id)]
        response = await self._transport.post(target.url, headers, event.body)
        _judge(response)


def _judge(response: Response) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in {408, 429}:
        raise Permanent(f"the service answered {status}")
    waiting = response.headers.get("retry-after", "")
    if status in {429, 503} and waiting.isascii() and waiting.isdigit():
        raise RetryAfter(
            min(float(waiting), RETRY_AFTER_SECONDS_MAX), f"the service answered {status}"
        )
    raise ForwardRefusedError(f"the service answered {status}")
