"""Requests that wait for a key: fetched once for all of them, within bounds of number and time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, final

from hardpoint.core.effects import Clock
from hardpoint.webhooks.fetched_keys import KeyFetch, KeyNeededError, KeySource

WAITING_MAX = 64
"""Requests of one source that wait for keys at a time; more are told to come again."""
WAITING_BYTES_MAX = 2 * 1024 * 1024
"""Of their bodies."""
FETCH_SECONDS = 10.0

Decide = Callable[[bool], None]
"""What to do when the fetch is over; or, with False, at once: nobody fetches it."""


@final
class KeyFetching:
    """Fetches keys, one fetch for each address at a time.

    Args:
        fetch: an `Untrusted`; without one no key is ever fetched.
        clock: for how long keys are kept.
    """

    def __init__(self, fetch: KeyFetch | None, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._flights: dict[tuple[int, str], list[tuple[int, Decide]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wait(self, needed: KeyNeededError, size: int, decide: Decide) -> None:
        """Have a request wait for its key, if there is room.

        Args:
            needed: which, and of which source.
            size: of the request's body.
            decide: called once, in this loop.
        """
        self._come_here()
        source = id(needed.keys)
        sizes = [one for (of, _), ones in self._flights.items() if of == source for one, _ in ones]
        full = len(sizes) >= WAITING_MAX or sum(sizes) + size > WAITING_BYTES_MAX
        if self._fetch is None or full:
            decide(False)
            return
        self._flight(needed.keys, needed.name, self._fetch).append((size, decide))

    def refresh(self, keys: KeySource[Any]) -> None:
        """Fetch anew what is old, while it goes on serving."""
        name = keys.old()
        if name is not None and self._fetch is not None:
            self._come_here()
            self._flight(keys, name, self._fetch)

    def _come_here(self) -> None:
        """What waited in a loop that is gone has nobody left to answer."""
        here = asyncio.get_running_loop()
        if here is not self._loop:
            self._loop = here
            self._flights, self._tasks = {}, set()

    def _flight(self, keys: KeySource[Any], name: str, fetch: KeyFetch) -> list[tuple[int, Decide]]:
        place = (id(keys), keys.address(name))
        flight = self._flights.get(place)
        if flight is None:
            flight = self._flights[place] = []

            async def fly() -> None:
                fetched = False
                try:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(FETCH_SECONDS):
                            await keys.fetch(name, fetch, self._clock.now)
                        fetched = True
                finally:
                    if self._flights.get(place) is flight:
                        del self._flights[place]
                    for _, decide in flight:
                        decide(fetched)

            task = asyncio.get_running_loop().create_task(fly())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return flight
