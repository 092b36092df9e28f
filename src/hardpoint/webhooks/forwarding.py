"""Forwarding: a verified event goes on to the user's own service, signed by us.

The raw body unchanged, the headers that were kept, and a Standard Webhooks signature whose
`webhook-id` is our event id. 2xx is done; 4xx other than 408 and 429 is final; all else is retried.
"""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import HardpointError
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.store.driver import Event
from hardpoint.webhooks.handlers import Permanent
from hardpoint.webhooks.job import Job
from hardpoint.webhooks.verification import Scheme

FORWARD_SECONDS = 30.0
"""What one attempt may take, answer included."""

FORWARD_LIMITS = Limits(exchange=FORWARD_SECONDS, body_bytes_max=16 * 1024, cut=True)
"""The status says it all; of the answer's body nobody needs more than its beginning."""

RETRY_AFTER_SECONDS_MAX = 3600.0
_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a source's events go."""

    url: str
    signing: Scheme


class ForwardRefusedError(HardpointError):
    """The service the event was forwarded to did not take it.

    Attributes:
        retry_after: seconds it asked us to wait; the schedule may wait longer.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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
        now = self._clock.now()
        ours = {
            "x-hardpoint-source": event.source,
            "x-request-id": event.correlation_id,
            **dict(
                target.signing.sign(
                    event.body, now=now, event_id=job.event_id, event_type=event.type
                )
            ),
        }
        kept = {name: value for name, value in event.headers.items() if name not in _HOP_BY_HOP}
        headers = tuple((kept | ours).items())
        request = Request(method="POST", url=target.url, headers=headers, body=event.body)
        _judge(await self._transport.send(request), now)


def _judge(response: Response, now: float) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in {408, 429}:
        raise Permanent(f"the service answered {status}")
    raise ForwardRefusedError(
        f"the service answered {status}",
        retry_after=_seconds(response.headers.get("retry-after", ""), now),
    )


def _seconds(retry_after: str, now: float) -> float | None:
    """What `Retry-After` asks for, in digits or as a date (RFC 9110, 10.2.3); None if nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        seconds = float(retry_after)
    else:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(seconds, RETRY_AFTER_SECONDS_MAX)
