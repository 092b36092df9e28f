"""The effects that policies use, held where a test can exchange them for policies already built."""

from hardpoint.core.effects import Ids, Random
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock, Timekeeper


class Effects:
    """Time, chance and ids, as plain attributes: reading one costs no call.

    A policy that was given none shares `AMBIENT`; `hardpoint.testing` exchanges what is in it.
    """

    __slots__ = (
        "call_later",
        "clock",
        "ids",
        "monotonic",
        "now",
        "pause",
        "random",
        "sleep",
        "wait",
    )

    def __init__(self, clock: Timekeeper, random: Random, ids: Ids) -> None:
        self.use(clock, random, ids)

    def use(self, clock: Timekeeper, random: Random, ids: Ids) -> None:
        """Take these from now on."""
        self.clock = clock
        self.now = clock.now
        self.monotonic = clock.monotonic
        self.pause = clock.pause
        self.sleep = clock.sleep
        self.call_later = clock.call_later
        self.wait = clock.wait
        self.random = random
        self.ids = ids


def _chance() -> float:
    from random import random  # 3 ms of import, spent only by those who draw

    return random()  # noqa: S311 - spreads retries over time, guards nothing


AMBIENT = Effects(SystemClock(), _chance, Uuid7())
"""What policies use unless they are given their own."""
