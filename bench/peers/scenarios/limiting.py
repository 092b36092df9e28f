"""Locks, timeouts and bulkheads."""

import asyncio
import threading
import time

from bench.peers.library import Guard
from bench.peers.scenarios.registry import scenario
from bench.peers.trial import Trial, until
from bench.peers.verdict import Verdict, judged, not_applicable, right, wrong

LIMIT = 0.05


@scenario(6, "Threads are not queued behind each other's calls", modes=("sync",))
async def lock_over_call(trial: Trial) -> Verdict:
    together = threading.Barrier(5)
    met: list[bool] = []

    def meet() -> None:
        try:
            together.wait(1)
        except threading.BrokenBarrierError:
            return
        met.append(True)

    parts = trial.either(lambda: trial.breaker(failures=3), lambda: trial.retry(attempts=3))
    findings: list[str] = []
    for guard in parts:
        together.reset()
        met.clear()
        guarded = guard(meet)
        threads = [threading.Thread(target=guarded, daemon=True) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        if len(met) != 5:
            findings.append("five threads make their calls one after the other")
    return judged(findings)


@scenario(11, "A timeout keeps to its own task and leaves no cancellation behind", modes=("async",))
async def timeout_rules(trial: Trial) -> Verdict:
    findings: list[str] = []
    for check in (_cleans_up, _is_shared):
        for name, guard in trial.library.timeouts(LIMIT):
            await check(trial, f"{name}: " if name else "", guard, findings)
    if await asyncio.to_thread(_decorating_fails, trial):
        findings.append("it cannot decorate before a loop runs")
    return judged(findings)


async def _cleans_up(trial: Trial, form: str, guard: Guard, findings: list[str]) -> None:
    service = trial.service()
    service.holds()
    guarded = guard(service.function)

    async def caller() -> tuple[object, int]:
        waiting = asyncio.ensure_future(trial.wait(2 * LIMIT))
        seen = await trial.outcome(guarded)
        left = asyncio.current_task().cancelling()
        waiting.cancel()
        return seen, left

    seen, left = await asyncio.create_task(caller())
    if not isinstance(seen, trial.library.timed_out):
        findings.append(f"{form}raises {type(seen).__name__}")
    if left:
        findings.append(f"{form}leaves task.cancelling() at {left}")


async def _is_shared(trial: Trial, form: str, guard: Guard, findings: list[str]) -> None:
    """Two tasks under one timeout object: the second must not switch the first one's off."""
    service = trial.service()
    guarded = guard(service.function)
    gate = service.holds()
    first = asyncio.create_task(trial.outcome(guarded))
    await until(lambda: service.inside == 1)
    service.answers()
    await trial.outcome(guarded)
    await trial.wait(3 * LIMIT)
    await asyncio.sleep(0)
    ended = first.done()
    gate.set()
    await first
    if not ended:
        findings.append(f"{form}another task under the same object switches the timer off")


def _decorating_fails(trial: Trial) -> bool:
    async def function() -> None: ...

    try:
        for _, guard in trial.library.timeouts(LIMIT):
            guard(function)
    except RuntimeError:
        return True
    return False


@scenario(12, "A cancelled waiter gives its place in the bulkhead back", modes=("async",))
async def leaked_slots(trial: Trial) -> Verdict:
    findings: list[str] = []
    for name, guard in trial.library.bulkheads(3, 3):
        form = f"{name}: " if name else ""
        service = trial.service()
        guarded = guard(service.function)
        gate = service.holds()
        running = await trial.crowd(guarded, 3, service)
        waiting = await trial.crowd(guarded, 2, service)
        if service.inside != 3:
            return not_applicable("calls do not wait for a slot")
        await waiting.cancel()
        gate.set()
        await running.finish()
        gate = service.holds()
        crowd = await trial.crowd(guarded, 6, service)
        refused = [outcome for outcome in crowd.outcomes if outcome != "ok"]
        if service.inside != 3 or refused:
            findings.append(
                f"{form}two waiters cancelled: {service.inside} of 3 run, {len(refused)} refused"
            )
        gate.set()
        await crowd.finish()
    return judged(findings)


@scenario(16, "A blocking call reported as timed out has run, and is over", modes=("sync",))
async def thread_pool_timeout(trial: Trial) -> Verdict:
    gate = threading.Event()
    lock = threading.Lock()
    started = running = 0

    def slow() -> str:
        nonlocal started, running
        with lock:
            started += 1
            running += 1
        gate.wait(4 * LIMIT)
        with lock:
            running -= 1
        return "ok"

    guarded = trial.library.blocking_timeout(LIMIT)(slow)
    told = left = 0
    for _ in range(3):
        if isinstance(await trial.outcome(guarded), trial.library.timed_out):
            told += 1
            left = max(left, running)
    begun = started
    gate.set()
    time.sleep(LIMIT if running else 0)
    findings: list[str] = []
    if begun < told:
        findings.append(f"{told - begun} of {told} calls were reported as timed out, never started")
    if left:
        findings.append(f"{left} calls kept running after their callers were told they had ended")
    return wrong("; ".join(findings)) if findings else right()
