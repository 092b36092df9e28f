"""Measuring one process's share: every row once, in an order of its own.

The process is pinned to one CPU. A row is calibrated to samples of a few milliseconds; what counts
is process CPU time, which a busy host does not stretch. The garbage collector stays on, as what a
call allocates is part of its price; what was there before is frozen out of its sight.
"""

import asyncio
import gc
import inspect
import os
import random
import time
from collections.abc import Iterable

from bench.overhead.rows import Function, Row, target


def measure(rows: Iterable[Row], seed: int, samples: int, sample_ms: float) -> list[dict]:
    """Nano-seconds of CPU per call, all samples of each row; or why a row could not be measured."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    order = list(rows)
    random.Random(seed).shuffle(order)
    found: list[dict] = []
    for row in order:
        gc.collect()
        gc.freeze()
        key = [row.mode, row.path, row.name]
        try:
            if row.mode == "async":
                values = asyncio.run(_sample_async(row, samples, sample_ms))
            else:
                values = _sample_sync(row, samples, sample_ms)
        except ImportError as gap:
            found.append({"row": key, "missing": gap.name or str(gap)})
        else:
            found.append({"row": key, "ns": values})
    return found


async def _sample_async(row: Row, samples: int, sample_ms: float) -> list[float]:
    made = row.make(target("async", row.path))
    call: Function = await made if inspect.isawaitable(made) else made
    if row.path != "rejection" and await call(1) != 1:
        raise AssertionError(f"{row.name} does not return what the function returned")
    loop = _rejected_async if row.path == "rejection" else _called_async
    count = 16
    while (spent := await loop(call, count)) < sample_ms * 3e5:
        count *= 2
    count = max(1, int(count * sample_ms * 1e6 / spent))
    return [await loop(call, count) / count for _ in range(samples)]


async def _called_async(call: Function, count: int) -> int:
    begin = time.process_time_ns()
    for _ in range(count):
        await call(1)
    return time.process_time_ns() - begin


async def _rejected_async(call: Function, count: int) -> int:
    begin = time.process_time_ns()
    for _ in range(count):
        try:  # noqa: SIM105 - a context manager would be measured too
            await call(1)
        except Exception:
            pass
    return time.process_time_ns() - begin


def _sample_sync(row: Row, samples: int, sample_ms: float) -> list[float]:
    call = row.make(target("sync", row.path))
    if row.path != "rejection" and call(1) != 1:
        raise AssertionError(f"{row.name} does not return what the function returned")
    loop = _rejected if row.path == "rejection" else _called
    count = 16
    while (spent := loop(call, count)) < sample_ms * 3e5:
        count *= 2
    count = max(1, int(count * sample_ms * 1e6 / spent))
    return [loop(call, count) / count for _ in range(samples)]


def _called(call: Function, count: int) -> int:
    begin = time.process_time_ns()
    for _ in range(count):
        call(1)
    return time.process_time_ns() - begin


def _rejected(call: Function, count: int) -> int:
    begin = time.process_time_ns()
    for _ in range(count):
        try:  # noqa: SIM105 - a context manager would be measured too
            call(1)
        except Exception:
            pass
    return time.process_time_ns() - begin
