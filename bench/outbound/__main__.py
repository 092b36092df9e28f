"""Run the bench: all contenders in turns on one server, then the facade, then the imports."""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.outbound import facade, further, imports, rest
from bench.outbound.beneath import CONTENDERS
from bench.outbound.contenders import BENEATH, Call, Contender
from bench.results import told

BARE_RATIO = 1.3
"""A call of ours takes at most so much of a bare one's CPU, and less than the SDK's."""
BENEATH_RATIO = 1.1
"""A client with a policy beneath takes at most so much of the bare one's."""
OVER_THE_WIRE = {"call any API": 1.6}
"""Beside our transport alone, which is less than a bare client."""
FACADE_US = 3.0
KNOWN = {
    "send a text, async: SDK": "it stands on aiohttp, whose parser is C; that of httpx2 is Python",
    "facade": "the port's own checks and bookkeeping included; an awaited call pays them too",
}
"""Targets that are not met, and why we live with it; `--check` lets them pass."""

Missed = dict[str, str]
Times = dict[Contender, list[float]]


@contextlib.contextmanager
def vendor() -> Iterator[str]:
    """The server's URL, while it runs."""
    command = [sys.executable, "-m", "bench.outbound.vendor"]
    with told(command, stdin=subprocess.PIPE) as (process, found):
        yield f"http://127.0.0.1:{next(found)}"
        assert process.stdin is not None
        process.stdin.close()


async def awaited(call: Call, count: int, at_once: int = 1) -> int:
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await call()

    began = time.process_time_ns()
    if at_once == 1:
        await some()
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(some())
    return time.process_time_ns() - began


def waited(call: Call, count: int) -> int:
    began = time.process_time_ns()
    for _ in range(count):
        call()
    return time.process_time_ns() - began


def measure(url: str, rounds: int, count: int, tasks: list[str], at_once: int = 1) -> Times:
    """Micro-seconds of CPU per call in every round; the contenders of a task follow each other."""
    found: Times = {}
    assert rest.TARGET
    assert further.ORDER  # their contenders are among them
    chosen = [one for one in CONTENDERS if not tasks or any(text in one.task for text in tasks)]
    if at_once > 1:  # what blocks is one call a thread
        chosen = [one for one in chosen if one.mode == "async"]
    calls = {one: one.make(url) for one in sorted(chosen, key=lambda one: (one.task, one.mode))}
    with asyncio.Runner() as runner:
        for number in range(rounds + 1):
            for one, call in calls.items():
                gc.collect()
                if one.mode == "async":
                    spent = runner.run(awaited(call, count, at_once))
                else:
                    spent = waited(call, count)
                if number:  # the first opens connections
                    found.setdefault(one, []).append(spent / count / 1000)
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def table(found: Times, at_once: int = 1) -> tuple[list[str], Missed]:
    """The table, and what misses its target.

    Times are the best rounds'; ratios the medians of the ratios within each round, since what else
    shares the machine falls on all contenders of one round alike.
    """
    lines: list[str] = []
    missed: Missed = {}
    for task, mode in dict.fromkeys((one.task, one.mode) for one in found):
        group = [one for one in found if (one.task, one.mode) == (task, mode)]
        best = {one: min(found[one]) for one in group}
        times = {one.who: found[one] for one in group}
        head = f"{task}, {mode}" if at_once == 1 else f"{task}, {mode}, {at_once} at once"
        lines += ["", f"{head:52}{'CPU us':>9}{'x bare':>9}{'spread':>8}"]
        for one in sorted(group, key=best.__getitem__):
            spread = statistics.median(found[one]) / best[one] - 1
            lines.append(
                f"{'*' if one.who == 'ours' else ' '} {one.name:50}{best[one]:9.1f}"
                f"{ratio(found[one], times['bare']):8.2f}x{spread:8.0%}"
            )
        over = ratio(times["ours"], times["bare"])
        most = BENEATH_RATIO if task.startswith(BENEATH) else OVER_THE_WIRE.get(task, BARE_RATIO)
        if over > most:
            missed[f"{head}: bare"] = f"{over:.2f} x bare, not {most}"
        if "SDK" in times and (over := ratio(times["ours"], times["SDK"])) >= 1:
            missed[f"{head}: SDK"] = f"{over:.2f} x the SDK"
    return lines, missed


def facade_table(best: dict[str, float]) -> tuple[list[str], Missed]:
    over = best[facade.FACADE] - best[facade.DRIVER]
    lines = ["", f"{'a transport that is done at once':52}{'CPU us':>9}"]
    lines += [f"  {name:50}{us:9.2f}" for name, us in best.items()]
    lines.append(f"  {'the facade beside the driver':50}{over:9.2f}")
    return lines, {"facade": f"{over:.2f} us, not {FACADE_US}"} if over > FACADE_US else {}


def import_table(median: dict[str, float]) -> list[str]:
    bare = median[imports.BARE]
    head = f"{'until the first call can be made, a whole process':52}{'CPU ms':>9}{'+ bare':>9}"
    return ["", head, *(f"  {name:50}{ms:9.0f}{ms - bare:9.0f}" for name, ms in median.items())]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.outbound", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="of every contender (15, quick 4)")
    parser.add_argument("--calls", type=int, help="in a round (200, quick 50)")
    parser.add_argument("--runs", type=int, help="processes for each import (9, quick 3)")
    parser.add_argument(
        "--at-once",
        type=int,
        nargs="+",
        default=[1],
        help="calls under way, each in a table of its own; above 1 of what is awaited: 1 16 64",
    )
    parser.add_argument("--task", action="append", help="only those whose name holds this")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    given = parser.parse_args()
    rounds = given.rounds or (4 if given.quick else 15)
    calls = given.calls or (50 if given.quick else 200)
    runs = given.runs or (3 if given.quick else 9)
    logging.getLogger("asyncio").disabled = True  # clients are left to the end of the process
    with vendor() as url:
        found = {at: measure(url, rounds, calls, given.task or [], at) for at in given.at_once}
    overhead, started = facade.measure(rounds), imports.measure(runs)
    lines, missed = facade_table(overhead)
    lines += import_table(started)
    for at, times in reversed(found.items()):
        part, misses = table(times, at)
        lines, missed = [*part, *lines], misses | missed
    print(
        f"Python {platform.python_version()} {platform.machine()}, CPU of the client's process;"
        f" best of {rounds} rounds of {calls} calls, median of {runs} processes"
    )
    print("\n".join(lines))
    if given.json:
        rows = [
            {
                "task": one.task,
                "mode": one.mode,
                "who": one.who,
                "name": one.name,
                "at_once": at,
                "us": us,
            }
            for at, times in found.items()
            for one, us in times.items()
        ]
        report = {"rows": rows, "facade_us": overhead, "imports_ms": started}
        given.json.write_text(json.dumps(report, indent=1))
    for name, miss in missed.items():
        print(f"missed: {name}: {miss}" + (f" ({KNOWN[name]})" if name in KNOWN else ""))
    return 1 if given.check and missed.keys() - KNOWN.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
