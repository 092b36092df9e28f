"""Measure what accepting a webhook costs, beside a bare answer and what a user writes today.

    python -m bench.accept [--rounds 3] [--events 20000] [--connections 64] [--folder DIR]
                           [--json FILE] [--check]

Every row posts unique signed events of 2 KB over connections kept alive, from a process of its
own. The rows take turns, round by round, in one run; the table has the CPU time (user and system)
of the server's process for an event, the best round's, since that stands still when other work
shares the machine and requests a second do not. Afterwards every acknowledged event must be in
the database, and handled. The database lies on a real disk: `--folder` says where. Linux only.
`--check` exits with 1 when a target is missed.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

from bench.accept.servers import ACCEPT, BARE, ROWS, TODAY, Server
from bench.accept.turns import (
    Round,
    add_options,
    best_of,
    measure,
    running,
    scratch,
    spread_of,
    told,
)

BASELINE_FACTOR = 30


def sync_ms(folder: Path) -> float:
    """What making 4 KiB durable takes on this disk; the median."""
    took: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.seek(0)
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def table(results: dict[str, list[Round]]) -> tuple[str, list[str]]:
    """The table, and what misses its target."""
    best = best_of(results)
    bare = best[BARE].cpu_us
    today = best[TODAY].cpu_us if TODAY in best else None
    heads = ("CPU us", 9), ("x bare", 9), ("spread", 8), ("today is", 11), ("per s", 9)
    columns = [*heads, ("p50 ms", 8), ("p99 ms", 8)]
    lines = [" " * 50 + "".join(f"{text:>{width}}" for text, width in columns)]
    missed: list[str] = []
    for row in ROWS:
        if row.name not in best:
            continue
        one = best[row.name]
        ratio = one.cpu_us / bare
        spread = spread_of(results[row.name])
        factor = f"{today / one.cpu_us:9.1f} x" if today else ""
        lines.append(
            f"{row.name:50}{one.cpu_us:9.1f}{ratio:8.2f}x{spread:8.0%}{factor:>11}"
            f"{one.per_second:9.0f}{one.p50_ms:8.2f}{one.p99_ms:8.2f}"
        )
        if row.target and ratio > row.target:
            missed.append(f"{row.name}: {ratio:.2f} x bare, not {row.target:.2f}")
    if today and ACCEPT in best and today / best[ACCEPT].cpu_us < BASELINE_FACTOR:
        missed.append(f"{TODAY} is {today / best[ACCEPT].cpu_us:.1f} x, not {BASELINE_FACTOR}")
    return "\n".join(lines), missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rows", help="only those whose name has one of these words, by commas")
    add_options(parser)
    given = parser.parse_args()
    words = given.rows.split(",") if given.rows else [""]
    chosen = [row for row in ROWS if row.name == BARE or any(word in row.name for word in words)]
    cores = sorted(os.sched_getaffinity(0))
    serving = cores[0] if len(cores) > 1 else None
    with scratch(given) as folder:
        servers = [Server(row, folder / str(number)) for number, row in enumerate(chosen)]
        disk = sync_ms(folder)
        with running(servers, serving):
            if serving is not None:
                os.sched_setaffinity(0, set(cores[1:]))
            results = measure(servers, given)
    text, missed = table(results)
    print(
        f"Python {platform.python_version()} {platform.machine()}, {len(cores)} cores, "
        f"{given.connections} connections, fdatasync of 4 KiB {disk:.2f} ms; best of "
        f"{given.rounds} rounds\n{text}"
    )
    return told(given, results, missed, fdatasync_ms=disk)


if __name__ == "__main__":
    sys.exit(main())
