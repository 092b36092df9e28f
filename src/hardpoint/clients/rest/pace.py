"""Not faster than the other side says it can be asked: what its answers tell is heeded.

It only ever slows down. A short wait goes to the policy, which makes every call stand in line. One
limit among several, or a wait that nobody should sleep through, bars the calls it concerns: they
get `RateLimitedError` with the wait, without being sent, and the policy decides what that means.
"""

import threading
from collections import OrderedDict
from typing import Any, Final, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import RateLimitedError
from hardpoint.http.quotas import QuotaNews
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.effects import Caller

SLEEP_SECONDS_MAX: Final = 60.0
"""A wait in line; a longer one is told at once."""
BUCKETS_MAX: Final = 1024
_ALL: Final = ""


@final
class Pace:
    """What one connection was told of the other side's limits.

    Args:
        policy: of the connection.
        clock: an effect.
        provider: for errors.
    """

    def __init__(self, policy: Caller, clock: Clock, provider: str) -> None:
        self._policy: Policy[Any] | None = None
        if isinstance(policy, Policy) and policy.settings.rate is not None:
            self._policy = policy
        self._clock = clock
        self._provider = provider
        self._bucket_of: OrderedDict[str, str] = OrderedDict()
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self.quiet = True
        """Nothing bars any call: most connections are never told to wait."""

    def check(self, route: str) -> None:
        """Let a call pass, unless what it would use is used up.

        Args:
            route: its method and path, as they are written.

        Raises:
            RateLimitedError: nothing was sent.
        """
        now = self._clock.monotonic()
        with self._lock:
            until = max(
                self._until.get(one, 0.0) for one in (_ALL, self._bucket_of.get(route, _ALL))
            )
        if until > now:
            raise RateLimitedError(
                "the other side's limit is used up; nothing was sent",
                provider=self._provider,
                retry_after=until - now,
            )

    def heed(self, route: str, news: QuotaNews) -> None:
        """Take what an answer says; it never speeds anything up.

        Args:
            route: whose answer it is.
            news: what it says.
        """
        quota, bucket = news
        alone = bucket is None
        if alone and self._policy is not None and quota.reset_in <= SLEEP_SECONDS_MAX:
            self._policy.observe_quota(quota)
            return
        with self._lock:
            if not alone:
                _keep(self._bucket_of, route, bucket or _ALL)
            if quota.remaining > 0:
                return
            self.quiet = False
            name = bucket or _ALL
            until = self._clock.monotonic() + quota.reset_in
            _keep(self._until, name, max(until, self._until.get(name, 0.0)))


def _keep(
    known: "OrderedDict[str, float] | OrderedDict[str, str]", key: str, value: object
) -> None:
    known[key] = value  # pyright: ignore[reportArgumentType] - each holds one kind
    known.move_to_end(key)
    if len(known) > BUCKETS_MAX:
        known.popitem(last=False)
