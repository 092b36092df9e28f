"""Forwarding: a verified event goes on to the user's own service, signed by us.

The raw body unchanged, the headers that were kept, and a Standard Webhooks signature whose
`webhook-id` is our event id. 2xx is done; 4xx other than 408 and 429 is final; all else is retried.

A service that fails ten times in a row is asked by one event at a time, seldom; meanwhile the
others of that source wait, which costs them no attempt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, final

import msgspec

from hardpoint.core.correlation import carried
from hardpoint.core.effects import Clock, Random
from hardpoint.core.errors import CircuitOpenError, HardpointError
from hardpoint.core.events import Listeners
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.circuit import Circuit, CircuitOutcome, CircuitState
from hardpoint.store.driver import FORWARD, Event, lane_of
from hardpoint.webhooks.handlers import Permanent
from hardpoint.webhooks.job import Job
from hardpoint.webhooks.verification import Scheme

FORWARD_SECONDS = 30.0
"""What one attempt may take, answer included."""

FORWARD_TIMEOUT = FORWARD_SECONDS + 5.0
"""The time limit of the handler: the exchange ends by itself before, and says what was wrong."""

FORWARD_BREAKER: Final = Breaker(
    failures=10, recovery=5.0, recovery_max=60.0, successes=1, lease=FORWARD_TIMEOUT
)
"""When a service is asked seldom; at first as soon as the first retry would come."""

PROBE_SECONDS = 1.0
"""How long an event waits while another one asks whether the service is back."""

RETRY_AFTER_SECONDS_MAX = 3600.0
_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def forward_limits(attempts: int) -> Limits:
    """For the transport of a forwarder.

    The status says it all: of the answer's body nobody needs more than its beginning. No attempt
    waits for another's connection, and none opens one anew that could have been kept.

    Args:
        attempts: how many the worker runs at a time; each lane may have one beside these.
    """
    return Limits(
        exchange=FORWARD_SECONDS,
        body_bytes_max=16 * 1024,
        cut=True,
        connections=2 * attempts,
        idle_connections=attempts,
    )


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


@dataclass(frozen=True, slots=True)
class _ClockAndChance:
    """What a circuit needs of the world."""

    monotonic: Callable[[], float]
    random: Random


@final
class Forwarder:
    """A handler that posts events to their source's target.

    Args:
        transport: how.
        target: a source's target now; None when it is no longer forwarded.
        clock: for the signature's time, and for how long a service is spared.
        random: spreads that time.
        listeners: told `CircuitChanged`.
    """

    def __init__(
        self,
        transport: Transport,
        target: Callable[[str], Target | None],
        clock: Clock,
        random: Random,
        listeners: Listeners,
    ) -> None:
        self._transport = transport
        self._target = target
        self._clock = clock
        self._effects = _ClockAndChance(clock.monotonic, random)
        self._listeners = listeners
        self._circuits: dict[str, tuple[str, Circuit]] = {}

    async def __call__(self, event: Event, job: Job) -> None:
        """Send it once; see the module for what the answer means.

        Raises:
            CircuitOpenError: the service has failed too often; nothing was sent.
        """
        target = self._target(event.source)
        if target is None:
            raise ForwardRefusedError(f"{event.source} is not forwarded any more")
        circuit = self._circuit(event.source, target.url)
        began = self._clock.monotonic()
        permit = _claim(circuit, began)
        outcome, failure = CircuitOutcome.NEUTRAL, ""
        try:
            await self._send(event, job, target)
            outcome = CircuitOutcome.SUCCESS
        except Permanent:  # it is there, and has answered
            outcome = CircuitOutcome.SUCCESS
            raise
        except HardpointError as error:
            outcome, failure = CircuitOutcome.FAILURE, type(error).__name__
            raise
        finally:
            circuit.record(permit, outcome, began, self._clock.monotonic(), failure)

    def open_circuits(self) -> list[str]:
        """The lanes whose service is asked seldom now."""
        return [
            circuit.name
            for source, (url, circuit) in self._circuits.items()
            if circuit.state is CircuitState.OPEN and self._leads_to(source, url)
        ]

    def _leads_to(self, source: str, url: str) -> bool:
        target = self._target(source)
        return target is not None and target.url == url

    def _circuit(self, source: str, url: str) -> Circuit:
        """One for each source, for as long as its address is the same."""
        known = self._circuits.get(source)
        if known is not None and known[0] == url:
            return known[1]
        name = lane_of(FORWARD, source)
        circuit = Circuit(FORWARD_BREAKER, self._effects, name=name, listeners=self._listeners)
        self._circuits[source] = url, circuit
        return circuit

    async def _send(self, event: Event, job: Job, target: Target) -> None:
        now = self._clock.now()
        ours = {
            "x-hardpoint-source": event.source,
            **dict(carried()),
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


def _claim(circuit: Circuit, now: float) -> int:
    try:
        return circuit.claim(now)
    except CircuitOpenError as error:
        if error.retry_after is None:  # another one is asking just now
            raise CircuitOpenError(circuit.name, None, PROBE_SECONDS, error.detail) from None
        raise


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
