"""Taking up again what broke: how long to wait, how long to go on, and what is told of it."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Final, final

import msgspec

from hardpoint.core.effects import Random
from hardpoint.core.errors import (
    DeadlineTooShortError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    TimedOutError,
    UnavailableError,
)
from hardpoint.resilience.options import count, seconds
from hardpoint.resilience.retry import Backoff, constant, exponential
from hardpoint.runtime.effects import AMBIENT

_PASSING: Final = (
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    TimedOutError,
    UnavailableError,
)


@final
class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Something may be missing here: a stream broke, and cannot be taken up where it was.

    Attributes:
        since: the last point that is known; None where there is none.
        reason: why it broke.
    """

    since: str | None
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Follow:
    """How a stream is followed, and taken up again after it broke.

    Attributes:
        backoff: how long to wait before the first connection, the second, and so on: a curve, or
            plain seconds. The other side may ask for more.
        stable: seconds after which a connection counts as good, and the waits begin anew.
        give_up: seconds without a connection after which the last error is raised.
        idle: the longest silence, in seconds; what says nothing for longer counts as broken. None:
            as long as the other side answers a WebSocket's pings, or for a day.
        bytes_max: the largest event or message that is taken.
        resumes: whether the other side sends on after the last point that is known; False where its
            ids mean nothing, so that every new connection is a gap.
    """

    backoff: Backoff | float = exponential(1.0, cap=60.0, jitter="equal")  # noqa: RUF009 - frozen
    _: KW_ONLY
    stable: float = 30.0
    give_up: float = 600.0
    idle: float | None = 45.0
    bytes_max: int = 1024 * 1024
    resumes: bool = True

    def __post_init__(self) -> None:
        if not callable(self.backoff):
            seconds("Follow.backoff", self.backoff, zero=True)
        seconds("Follow.stable", self.stable, zero=True)
        seconds("Follow.give_up", self.give_up)
        if self.idle is not None:
            seconds("Follow.idle", self.idle)
        count("Follow.bytes_max", self.bytes_max, most=256 * 1024 * 1024)


ALWAYS: Final = Follow()
SUBSCRIBED: Final = Follow(idle=None)


class StreamLost(msgspec.Struct, frozen=True, kw_only=True):
    """A stream has no connection; it is taken up again after `wait` seconds."""

    severity: ClassVar[str] = "warning"
    connection: str
    operation: str
    reason: str
    wait: float


class StreamResumed(msgspec.Struct, frozen=True, kw_only=True):
    """A stream has a connection again.

    Attributes:
        gap: whether something may be missing.
        seconds: how long it had none.
    """

    connection: str
    operation: str
    gap: bool
    seconds: float


@final
class Outages:
    """The waits of one stream; it is told what happens, and waits itself for nothing.

    Args:
        options: how.
        random: chance.

    Attributes:
        since: when the connection was lost, by the monotonic clock; None while there is one.
    """

    __slots__ = ("_curve", "_opened", "_options", "_random", "_tries", "_wait", "since")

    def __init__(self, options: Follow, random: Random | None = None) -> None:
        backoff = options.backoff
        self._curve = backoff if callable(backoff) else constant(backoff)
        self._options = options
        self._random = random or AMBIENT.random
        self._tries = 0
        self._wait = 0.0
        self._opened = 0.0
        self.since: float | None = None

    def opened(self, now: float) -> float:
        """There is a connection; how long there was none."""
        lost, self.since, self._opened = self.since, None, now
        return 0.0 if lost is None else now - lost

    def lost(self, now: float) -> None:
        """It broke."""
        self.since = now
        if now - self._opened >= self._options.stable:
            self._tries, self._wait = 0, 0.0

    def next(self, now: float, error: Exception, least: float = 0.0) -> float:
        """Seconds until another connection is tried.

        Args:
            now: by the monotonic clock.
            error: what happened last.
            least: what the other side asks for.

        Raises:
            Exception: the error, where another connection would change nothing or come too late.
        """
        since = now if self.since is None else self.since
        asked = getattr(error, "retry_after", None) or 0.0
        self._tries += 1
        self._wait = self._curve(self._tries, self._wait, self._random)
        wait = max(self._wait, least, asked)
        if not passing(error) or now + wait - since > self._options.give_up:
            raise error
        return wait


def passing(error: Exception) -> bool:
    """Whether another connection may do better."""
    return isinstance(error, _PASSING) and not isinstance(error, DeadlineTooShortError)
