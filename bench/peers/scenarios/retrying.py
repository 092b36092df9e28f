"""Retries: how often, how long, what is remembered and what is reported."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress

from bench.peers.library import Boom, Guard
from bench.peers.scenarios.registry import scenario
from bench.peers.trial import Trial, until
from bench.peers.verdict import NotOffered, Verdict, judged, right, wrong


@scenario(13, "Three attempts are three calls")
async def attempts_counted(trial: Trial) -> Verdict:
    service = trial.service()
    service.answers(Boom)
    await trial.outcome(trial.retry(attempts=3)(service.function))
    return right() if service.calls == 3 else wrong(f"attempts=3 makes {service.calls} calls")


@scenario(14, "What is reported about a call is about that call", modes=("async",))
async def reports(trial: Trial) -> Verdict:
    findings: list[str] = []
    guard, last = trial.library.reports(trial.mode)
    flaky = Flaky()
    guarded = guard(flaky.function)
    said = []
    for _ in range(10):
        await guarded(1)
        said.append(last())
    if said != [2] * 10:
        findings.append(f"ten calls of 2 attempts are reported as {said}")

    guard, last = trial.library.reports(trial.mode)
    flaky = Flaky()
    guarded = guard(flaky.function)
    long = asyncio.create_task(guarded(2, flaky.gate))
    await until(lambda: flaky.waiting == 1)
    await guarded(0)
    flaky.gate.set()
    await long
    if (seen := last()) != 3:
        findings.append(f"a call of 3 attempts that overlaps another is reported as {seen}")
    return judged(findings)


class Flaky:
    """Fails so many times per call; the last attempt waits at a gate, if one is given."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waiting = 0
        self._failures: dict[asyncio.Task | None, int] = {}

    async def function(self, failures: int, gate: asyncio.Event | None = None) -> str:
        call = asyncio.current_task()
        so_far = self._failures.get(call, 0)
        if so_far < failures:
            self._failures[call] = so_far + 1
            raise Boom
        self._failures.pop(call, None)
        if gate is not None:
            self.waiting += 1
            await gate.wait()
        return "ok"


@scenario(15, "An open circuit is not retried through all delays")
async def retried_rejection(trial: Trial) -> Verdict:
    service = trial.service()
    guarded = trial.library.stack(trial.mode)(service.function)
    service.answers(Boom)
    await trial.outcome(guarded)
    calls, start = service.calls, trial.library.monotonic()
    await trial.outcome(guarded)
    lost = trial.library.monotonic() - start
    if service.calls != calls:
        return wrong("the circuit did not open")
    return (
        wrong(f"{lost:.2f} s of delays against an open circuit, 0 calls sent")
        if lost > 0.03
        else right()
    )


@scenario(18, "The frames of a failed call are freed as it ends")
async def reference_cycle(trial: Trial) -> Verdict:
    findings: list[str] = []
    parts: list[tuple[str, Callable[[], Guard]]] = [
        ("retry", lambda: trial.retry(attempts=2)),
        ("breaker", lambda: trial.breaker(failures=9)),
    ]
    offered = 0
    for part, make in parts:
        try:
            guard = make()
        except NotOffered as missing:
            gap = missing
            continue
        offered += 1
        if kept := await _kept(trial, guard):
            findings.append(f"{part}: the failing frame's locals live {kept}")
    if not offered:
        raise gap
    return judged(findings)


async def _kept(trial: Trial, guard: Guard) -> str | None:
    """How long a local of the failing function outlives the call, if it does."""
    kept: list[weakref.ref] = []

    class Body:
        """Something large that the function holds when it fails."""

    def fail() -> None:
        body = Body()
        kept.append(weakref.ref(body))
        raise Boom

    async def fail_async() -> None:
        fail()

    guarded = guard(fail_async if trial.mode == "async" else fail)
    gc.collect()
    gc.disable()
    try:
        with suppress(Exception):  # whatever it makes of the failure
            await trial.call(guarded)
        if all(ref() is None for ref in kept):
            return None
    finally:
        gc.enable()
        gc.collect()
    if all(ref() is None for ref in kept):
        return "until a garbage collection"
    return "as long as the last error is kept"


@scenario(19, "Jitter adds to Retry-After and survives the cap; hedges share no request body")
async def jitter_and_hint(trial: Trial) -> Verdict:
    findings: list[str] = []
    offered = 0
    try:
        waits = trial.library.hinted_waits(trial.mode, 0.02, 8)
        offered += 1
        if min(waits) < 0.02:
            findings.append(f"waits {min(waits) / 0.02:.0%} of the Retry-After")
        elif len(set(waits)) == 1:
            findings.append("every client waits exactly the Retry-After: no jitter")
    except NotOffered as missing:
        gap = missing
    try:
        waits = trial.library.capped_waits(trial.mode, 0.02, 8)
        offered += 1
        if len(set(waits)) == 1:
            findings.append("jitter vanishes at the cap: every wait is the same")
    except NotOffered as missing:
        gap = missing
    if trial.mode == "async":
        try:
            bodies = await trial.library.hedged_bodies()
            offered += 1
            if len(bodies) != 2 or bodies[0] is bodies[1]:
                findings.append("a hedge sends the first attempt's body object again")
        except NotOffered as missing:
            gap = missing
    if not offered:
        raise gap
    return judged(findings)
