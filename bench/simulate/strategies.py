"""What the callers do: nothing, what most do, and what we do."""

import asyncio
from random import Random

from bench.simulate.world import Protect, SimulatedCall, World
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, exponential
from hardpoint.testing.clock import ManualClock

ATTEMPTS = 4
FIRST_WAIT = 0.1
BUDGET = Budget(ratio=0.2, floor=0.1, burst=2)


def timeout_only(world: World) -> Protect:
    """No policy: a timeout, so that callers do not hang with the server."""

    def protect(call: SimulatedCall, _clock: ManualClock, _random: Random) -> SimulatedCall:
        async def once() -> None:
            async with asyncio.timeout(world.patience):
                await call()

        return once

    return protect


def plain_retries(world: World) -> Protect:
    """Four attempts with exponential backoff and full jitter, as any retry library does them."""

    def protect(call: SimulatedCall, _clock: ManualClock, random: Random) -> SimulatedCall:
        async def again() -> None:
            for attempt in range(1, ATTEMPTS):
                try:
                    async with asyncio.timeout(world.patience):
                        return await call()
                except Exception:
                    await asyncio.sleep(FIRST_WAIT * 2 ** (attempt - 1) * random.random())
            async with asyncio.timeout(world.patience):
                return await call()

        return again

    return protect


def budgeted_retries(world: World) -> Protect:
    """The same attempts and waits, under a budget."""
    return _policy(world, breaker=None)


def policy(world: World) -> Protect:
    """The same attempts and waits, under a budget and a circuit breaker."""
    return _policy(world, breaker=Breaker(failures=5, recovery=2, recovery_max=5))


def _policy(world: World, breaker: Breaker | None) -> Protect:
    def protect(call: SimulatedCall, clock: ManualClock, random: Random) -> SimulatedCall:
        client = Policy(
            "client",
            timeout=world.patience,
            idempotent=True,
            retry=Retry(ATTEMPTS, backoff=exponential(FIRST_WAIT), budget=BUDGET),
            breaker=breaker,
            clock=clock,
            random=random.random,
        )
        return client(call)

    return protect


STRATEGIES = {
    "timeout only": timeout_only,
    "plain retries": plain_retries,
    "retries, budget": budgeted_retries,
    "policy": policy,
}
"""Name -> how the callers of a world are protected."""
