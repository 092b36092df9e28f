"""A credential that another library fetches, blocking while it does: kept for as long as it lasts.

    keys = Fetched(fetch, clock, name="keys of files")
    held = await keys.current()

It is fetched in a thread when it is first needed, and again shortly before its end: once for all
who ask meanwhile, whatever event loop or thread they are in. Whoever stops waiting stops nobody
else.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from math import inf
from typing import Final, Generic, TypeVar, final

from hardpoint.core.effects import Clock
from hardpoint.core.errors import HardpointError, UnavailableError
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.timeout import remaining
from hardpoint.runtime.waiting import latest

EARLY_SECONDS: Final = 300.0
"""How long before its end it is fetched anew, or a fifth of its life if that is less."""
LEAST_SECONDS: Final = 10.0
"""How long one is used at least: this machine's clock may say that it has ended already."""
PAUSE_SECONDS: Final = 30.0
"""How long the one at hand is used before a fetch that has failed is tried again."""
WAIT_SECONDS: Final = 30.0
"""How long a call waits for it; no longer than its own deadline."""
PATIENCE_SECONDS: Final = 5.0
"""How long it waits for a new one while the one at hand is still good."""


_Value = TypeVar("_Value")


@final
class Fetched(Generic[_Value]):
    """The credential, fetched when it is needed.

    Args:
        fetch: gives it, and when it ends in Unix seconds; None if it does not. It blocks, has
            bounds of its own, and does not retry. What it raises is for the caller:
            `ConfigurationError`, `AuthenticationError` where it cannot be had, `UnavailableError`
            where it may be had later.
        clock: how long it lasts.
        name: of the thread, and of what is missing.
        forget: lets go of what the library keeps, since it was not accepted, or belongs to the
            process that this one was forked from.
    """

    def __init__(
        self,
        fetch: Callable[[], tuple[_Value, float | None]],
        clock: Clock,
        *,
        name: str,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._name = name
        self._let_go = forget
        self._latest: tuple[_Value, float | None] | None = None
        self._renew_at = -inf
        self._fresh()
        forget_in_child(self)

    def forget(self) -> None:
        """Begin anew: in a forked child nobody fetches what was under way."""
        self._fresh()
        self._let_go()

    @property
    def latest(self) -> _Value | None:
        """The one at hand."""
        return None if self._latest is None else self._latest[0]

    async def current(self) -> _Value:
        """The one that is valid now.

        Raises:
            HardpointError: as `fetch` has it; what it was for was not sent.
            UnavailableError: it did not come in time.
        """
        held, now = self._latest, self._clock.now()
        if held is not None and now < self._renew_at:
            return held[0]
        try:
            return await self._told(remaining(WAIT_SECONDS if held is None else PATIENCE_SECONDS))
        except HardpointError:
            if held is None or held[1] is None or now >= held[1] or self._latest is not held:
                raise
            self._renew_at = now + PAUSE_SECONDS
            return held[0]

    def renounce(self, value: _Value) -> None:
        """The other side does not take this one: the next call has it fetched anew."""
        with self._lock:
            if self._latest is None or self._latest[0] is not value:
                return
            self._latest = None
        self._let_go()

    def _fresh(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Future[_Value] | None = None

    async def _told(self, seconds: float) -> _Value:
        future = self._begun()
        try:
            if latest.look() is latest.threads:
                return future.result(seconds)
            import asyncio

            from hardpoint.http.wire.aside import told

            async with asyncio.timeout(seconds):
                return await told(future)
        except TimeoutError:
            raise UnavailableError(f"{self._name}: none in time; nothing was sent") from None
        except HardpointError as error:
            raise copy(error) from None  # each who waits has one of its own

    def _begun(self) -> "Future[_Value]":
        from hardpoint.http.wire.aside import aside  # it loads asyncio

        with self._lock:
            if self._under_way is None:
                try:
                    self._under_way = aside(f"hardpoint-{self._name}", self._done)
                except OSError as error:
                    raise UnavailableError(f"{self._name}: {error}; nothing was sent") from error
            return self._under_way

    def _done(self) -> _Value:
        """Fetch it; in the thread."""
        try:
            held = self._fetch()
        except Exception as error:
            with self._lock:
                self._under_way = None
            if isinstance(error, HardpointError):
                raise
            # Its text may quote what is secret.
            said = f"{self._name}: {type(error).__name__}; nothing was sent"
            raise UnavailableError(said) from error
        with self._lock:
            self._under_way = None
            self._latest, self._renew_at = held, self._due(held[1])
        return held[0]

    def _due(self, ends: float | None) -> float:
        if ends is None:
            return inf
        now = self._clock.now()
        early = min(EARLY_SECONDS, max(ends - now, 0.0) / 5)
        return max(ends - early, now + LEAST_SECONDS)
