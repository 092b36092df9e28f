"""Not faster than the other side says it can be asked: what its answers tell is heeded.

It only ever slows down. A short wait goes to the policy, which makes every call stand in line. One
limit among several, or a wait that nobody should sleep through, bars the calls it concerns: they
get `RateLimitedError` with the wait, without being sent, and the policy decides what that means.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, final, runtime_checkable

from hardpoint.core.effects import Clock
from hardpoint.core.errors import RateLimitedError
from hardpoint.http.errors import retry_after
from hardpoint.http.json_api import RequestPace
from hardpoint.http.messages import Headers, Response
from hardpoint.http.quotas import RESET_SECONDS_MAX, QuotaNews, RateHeaders, quota_in
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.recognition import Quota

SLEEP_SECONDS_MAX: Final = 60.0
"""A wait in line; a longer one is told at once."""
BUCKETS_MAX: Final = 1024
TOO_MANY: Final = 429
_ALL: Final = ""
_GLOBAL: Final = "x-ratelimit-global"
_PARTS: Final = 6
"""Of a path, with the empty one before it: `/api/v10/channels/7/messages`."""
_LIMIT: Final = "limit"
"""Stands in the name of every header that tells of one."""


@final
class Pace:
    """What one connection was told of the other side's limits.

    Args:
        policy: of the connection; what has no rate limit of its own cannot make calls wait.
        clock: an effect.
        provider: for errors.
    """

    def __init__(self, policy: object, clock: Clock, provider: str) -> None:
        self._waits = isinstance(policy, Policy) and policy.settings.rate is not None
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

    def heed(self, route: str, news: QuotaNews) -> Quota | None:
        """Take what an answer says; it never speeds anything up.

        Args:
            route: whose answer it is.
            news: what it says.

        Returns:
            What the policy is to be told, since it concerns all its calls.
        """
        quota, bucket = news
        alone = bucket is None
        if alone and self._waits and quota.reset_in <= SLEEP_SECONDS_MAX:
            return quota
        with self._lock:
            if not alone:
                _keep(self._bucket_of, route, bucket or _ALL)
            if quota.remaining > 0:
                return None
            self.quiet = False
            name = bucket or _ALL
            until = self._clock.monotonic() + quota.reset_in
            _keep(self._until, name, max(until, self._until.get(name, 0.0)))
        return None


@final
class ClientPace:
    """The same for another library's client, whose answers have headers of its own kind.

    Args:
        policy: what its calls run under.
        provider: for errors.
    """

    def __init__(self, policy: Policy[Any], provider: str) -> None:
        self._assembly = policy._assembly
        self._clock = self._assembly.effects.clock
        self._pace = Pace(policy, self._clock, provider)

    def check(self, route: Callable[[], str]) -> None:
        """Let a call pass; see `Pace.check`."""
        if not self._pace.quiet:
            self._pace.check(route())

    def heed(
        self, form: RateHeaders, headers: Mapping[str, Any], route: Callable[[], str], native: Any
    ) -> QuotaNews | None:
        """Take what an answer says; see `Pace.heed`.

        Args:
            form: how it says it.
            headers: of the answer.
            route: names what was asked for.
            native: the client's own request, which a policy's `key=` is asked with.

        Returns:
            What it said.
        """
        told = telling(headers)
        news = None if told is None else quota_in(told, form, now=self._clock.now)
        if news is None:
            return None
        quota = self._pace.heed(_ALL if news.bucket is None else route(), news)
        if quota is not None:
            self._assembly.observe_call(quota, native)
        return news


@runtime_checkable
class PacedDriver(Protocol):
    """A driver whose provider tells of limits, each for a part of its API."""

    def heed_limits(self, pace: RequestPace) -> None:
        """Have every request checked, and every answer heeded."""
        ...


@final
class RoutePace:
    """A `RequestPace` by route: the method and the first parts of the path, which name what it is.

    Args:
        policy: of the connection.
        clock: an effect.
        provider: for errors.
    """

    def __init__(self, policy: object, clock: Clock, provider: str) -> None:
        self._clock = clock
        self._pace = Pace(policy, clock, provider)

    def check(self, method: str, target: str) -> None:
        """See `RequestPace`."""
        if not self._pace.quiet:
            self._pace.check(_route(method, target))

    def heed(self, method: str, target: str, reply: Response) -> None:
        """See `RequestPace`; a refusal counts as well as what is said to be left."""
        news = quota_in(reply.headers, "x-ratelimit", now=self._clock.now)
        quota = None if news is None else news.quota
        if reply.status == TOO_MANY:
            told = retry_after(reply.headers)
            seconds = told if told is not None else 0.0 if quota is None else quota.reset_in
            quota = Quota(remaining=0, reset_in=min(seconds, RESET_SECONDS_MAX))
        if quota is None:
            return
        route = _route(method, target)
        everything = reply.headers.get(_GLOBAL, "").lower() == "true"
        self._pace.heed(route, QuotaNews(quota, None if everything else route))


def _route(method: str, target: str) -> str:
    return f"{method} {'/'.join(target.partition('?')[0].split('/')[:_PARTS])}"


def telling(headers: Mapping[str, Any]) -> Headers | None:
    """What another library's headers may tell of a limit, as ours; None where nothing does."""
    found = [(name, value) for name, value in headers.items() if _LIMIT in name.lower()]
    if not found:
        return None
    date = headers.get("date")
    pairs = found if date is None else [*found, ("date", date)]
    return Headers(
        [(name.encode("latin-1"), str(text).encode("latin-1", "replace")) for name, text in pairs]
    )


def _keep(
    known: "OrderedDict[str, float] | OrderedDict[str, str]", key: str, value: object
) -> None:
    known[key] = value  # pyright: ignore[reportArgumentType] - each holds one kind
    known.move_to_end(key)
    if len(known) > BUCKETS_MAX:
        known.popitem(last=False)
