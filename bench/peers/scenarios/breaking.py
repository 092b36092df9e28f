"""Circuit breakers: who is let through, what counts, what is raised."""

import asyncio
import os
import time
from contextlib import ExitStack

from bench.peers.library import Boom, Guard, Quirk
from bench.peers.scenarios.registry import scenario
from bench.peers.trial import Service, Trial
from bench.peers.verdict import NotOffered, Verdict, judged, not_applicable, right, wrong

HOUR = 3600.0
SHORT = 0.05


@scenario(1, "A half-open breaker lets its probes through, not everyone")
async def half_open_stampede(trial: Trial) -> Verdict:
    service = trial.service()
    guarded = trial.breaker(failures=1, recovery=SHORT)(service.function)
    await trial.trip(guarded, service, 1)
    await trial.wait(2 * SHORT)
    gate = service.holds()
    crowd = await trial.crowd(guarded, 100, service)
    passed = service.inside
    gate.set()
    await crowd.finish()
    said = f"{passed} of 100 concurrent calls went through"
    return right(said) if passed == 1 else wrong(said)


@scenario(2, "A cancelled call says nothing about the server", modes=("async",))
async def cancellation(trial: Trial) -> Verdict:
    findings: list[str] = []

    def cancelling(guard: Guard) -> Service:
        service = trial.service()
        service.guarded = guard(service.function)  # type: ignore[attr-defined]
        return service

    async def cancel_one(service: Service) -> None:
        service.holds()
        await (await trial.crowd(service.guarded, 1, service)).cancel()  # type: ignore[attr-defined]

    async def breakers() -> None:
        for form, guard in trial.breakers(failures=3, recovery=SHORT):
            service = cancelling(guard)
            await trial.trip(service.guarded, service, 3)
            await trial.wait(2 * SHORT)
            await cancel_one(service)
            service.answers(Boom)
            calls = service.calls
            await trial.outcome(service.guarded)
            if service.calls == calls:
                findings.append(f"{form}a cancelled probe opens the circuit again")
            elif not await trial.rejects(service.guarded, service):
                findings.append(f"{form}a cancelled probe closes the circuit")
        for form, guard in trial.breakers(failures=3):
            service = cancelling(guard)
            await trial.trip(service.guarded, service, 2)
            await cancel_one(service)
            await trial.trip(service.guarded, service, 1)
            if not await trial.rejects(service.guarded, service):
                findings.append(f"{form}a cancelled call resets the failure count")
        for form, guard in trial.breakers(failures=3):
            service = cancelling(guard)
            for _ in range(3):
                await cancel_one(service)
            service.answers()
            if await trial.rejects(service.guarded, service):
                findings.append(f"{form}three cancelled calls open the circuit")

    async def retrier() -> None:
        service = cancelling(trial.library.retry_unless(trial.mode, Quirk))
        await cancel_one(service)
        if service.calls != 1:
            findings.append(f"`retry unless` calls {service.calls} times after a cancellation")

    await _any_of(breakers, retrier)
    return judged(findings)


@scenario(3, "An exception nobody listed leaves the failure count alone")
async def unlisted_exception(trial: Trial) -> Verdict:
    findings: list[str] = []
    for form, guard in trial.breakers(failures=3):
        service = trial.service()
        guarded = guard(service.function)
        for error in (Boom, Boom, Quirk, Boom):
            service.answers(error)
            await trial.outcome(guarded)
        if not await trial.rejects(guarded, service):
            findings.append(f"{form}it counts as a success: 3 failures of 4 calls do not open")
    return judged(findings)


@scenario(4, "The result of a call from before the trip does not close the circuit")
async def stale_result(trial: Trial) -> Verdict:
    service = trial.service()
    guarded = trial.breaker(failures=3)(service.function)
    gate = service.holds()
    slow = await trial.crowd(guarded, 1, service)
    service.answers(Boom)
    if trial.mode == "sync":
        failing = await trial.crowd(guarded, 3, service)
        if not failing.outcomes:
            gate.set()
            await slow.finish()
            return not_applicable("calls are serialised by a lock")
    else:
        await trial.trip(guarded, service, 3)
    gate.set()
    await slow.finish()
    if not await trial.rejects(guarded, service):
        return wrong("a slow success from before the trip closes the open circuit")
    return right()


@scenario(5, "KeyboardInterrupt and the caller's own exception pass through untouched")
async def foreign_exceptions(trial: Trial) -> Verdict:
    findings: list[str] = []

    async def breakers() -> None:
        service = trial.service()
        guarded = trial.breaker(failures=1)(service.function)
        service.answers(KeyboardInterrupt)
        seen = await trial.outcome(guarded)
        if not isinstance(seen, KeyboardInterrupt):
            findings.append(f"KeyboardInterrupt becomes {type(seen).__name__}")
        service.answers()
        if await trial.rejects(guarded, service):
            findings.append("KeyboardInterrupt opens the circuit")
        service = trial.service()
        guarded = trial.breaker(failures=2)(service.function)
        service.answers(Boom)
        await trial.outcome(guarded)
        seen = await trial.outcome(guarded)
        if not isinstance(seen, Boom):
            findings.append(f"the call that trips raises {type(seen).__name__}")

    async def retrier() -> None:
        service = trial.service()
        guarded = trial.retry(attempts=3)(service.function)
        service.answers(KeyboardInterrupt)
        seen = await trial.outcome(guarded)
        if not isinstance(seen, KeyboardInterrupt) or service.calls != 1:
            findings.append(f"KeyboardInterrupt: {service.calls} calls, {type(seen).__name__}")
        service.answers(Boom)
        seen = await trial.outcome(guarded)
        if not isinstance(seen, Boom):
            findings.append(f"giving up raises {type(seen).__name__}")

    await _any_of(breakers, retrier)
    return judged(findings)


@scenario(7, "Every rejection is a new exception of constant size")
async def reused_exception(trial: Trial) -> Verdict:
    service = trial.service()
    guarded = trial.breaker(failures=1)(service.function)
    await trial.trip(guarded, service, 1)
    seen: list[BaseException] = []
    depths: list[int] = []
    for _ in range(100):
        try:
            await trial.call(guarded)
        except trial.library.rejected as error:
            seen.append(error)
            depths.append(_depth(error))
    if len({id(error) for error in seen}) == 1:
        return wrong(
            "all rejections raise one object; "
            f"its traceback grows from {depths[0]} to {depths[-1]} entries in 100"
        )
    return judged([] if depths[0] == depths[-1] else [f"tracebacks grow: {depths[::33]}"])


def _depth(error: BaseException) -> int:
    entry, depth = error.__traceback__, 0
    while entry is not None:
        entry, depth = entry.tb_next, depth + 1
    return depth


@scenario(8, "Waiting is measured on a steady clock")
async def wall_clock(trial: Trial) -> Verdict:
    findings: list[str] = []

    async def breaker_ahead() -> None:
        service = trial.service()
        guarded = trial.breaker(failures=1, recovery=HOUR)(service.function)
        await trial.trip(guarded, service, 1)
        with trial.library.wall_clock(2 * HOUR):
            if not await trial.rejects(guarded, service):
                findings.append("wall clock set forward: the circuit ends its pause at once")

    async def breaker_behind() -> None:
        service = trial.service()
        guarded = trial.breaker(failures=1, recovery=SHORT)(service.function)
        await trial.trip(guarded, service, 1)
        service.answers()
        with trial.library.wall_clock(-2 * HOUR):
            await trial.wait(2 * SHORT)
            if await trial.rejects(guarded, service):
                findings.append("wall clock set back: the circuit stays open for hours")

    async def limited_retry() -> None:
        service = trial.service()
        guarded = trial.library.retry_within(trial.mode, HOUR)(service.function)
        service.answers(Boom)
        with ExitStack() as moved:
            service.on_call = lambda: (
                service.calls == 1 and moved.enter_context(trial.library.wall_clock(2 * HOUR))
            )
            await trial.outcome(guarded)
        if service.calls != 3:
            findings.append(
                f"wall clock set forward: the call ends after {service.calls} of 3 attempts"
            )

    async def reported_time() -> None:
        zone = os.environ.get("TZ")
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        try:
            service = trial.service()
            guard = trial.breaker(failures=1, recovery=60.0)
            guarded = guard(service.function)
            await trial.trip(guarded, service, 1)
            rejection = await trial.outcome(guarded)
            try:
                said = trial.library.reopens_in(guard, rejection)  # type: ignore[arg-type]
            except (TypeError, AttributeError) as error:
                findings.append(f"at UTC+9 the time to the next try raises {type(error).__name__}")
            else:
                if not 50 < said <= 90:
                    findings.append(f"at UTC+9 a pause of 60 s is reported as {said:.0f} s")
        finally:
            os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)
            time.tzset()

    await _any_of(breaker_ahead, breaker_behind, limited_retry, reported_time)
    return judged(findings)


@scenario(17, "A success on a closed circuit costs no round trip to the shared store")
async def shared_state(trial: Trial) -> Verdict:
    service = trial.service()
    guard, commands = trial.library.shared(trial.mode)
    guarded = guard(service.function)
    await trial.call(guarded)
    before = commands()
    for _ in range(10):
        await trial.call(guarded)
    if trial.mode == "async":
        await asyncio.sleep(0)
    each = (commands() - before) / 10
    return wrong(f"{each:g} commands per success, in line") if each else right("no command in line")


async def _any_of(*parts) -> None:
    """Play the parts the library offers; it offers none: not applicable."""
    gaps: list[NotOffered] = []
    for part in parts:
        try:
            await part()
        except NotOffered as gap:
            gaps.append(gap)
    if len(gaps) == len(parts):
        raise gaps[0]
