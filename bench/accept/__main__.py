"""Measure what accepting a webhook costs, beside a bare answer, what users write today, and queues.

    python -m bench.accept [--rounds 3] [--events 20000] [--connections 8,16,64]
                           [--rows WORD,WORD] [--folder DIR] [--json FILE] [--check]

Every row posts unique signed events of 2 KB over connections kept alive, from a process of its
own. The rows take turns, round by round, in one run; the table has the CPU time (user and system)
of the server's process for an event, and with it that of PostgreSQL where a row stores there: it
has a server of its own, and what other rows have stored costs it nothing. It is the best round's,
since that stands still when other work shares the machine and requests a second do not. Afterwards
every acknowledged event must be in the database, and handled. A queue's turn lasts until it has
handled all it took, and one that cannot fails by its name. The database lies on a real disk:
`--folder` says where. Linux only. `--check` exits with 1 when a target is missed.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.accept.database import PostgresServer
from bench.accept.servers import (
    ACCEPT,
    BARE,
    ROWS,
    TODAY,
    TODAY_POSTGRES,
    Server,
    forwarding,
)
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
from bench.wire.measure import server as endpoint

BASELINE_FACTOR = 30
FEW, MANY, FEW_FACTOR = 16, 64, 1.3
"""With few connections a batch is small: how much more an event may take than with many."""
WIDTH = 80
TARGETS = {row.name: row.target for row in ROWS}


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
    """The table, and what misses its target, which is for `MANY` connections or the only ones."""
    best = best_of(results)
    heads = ("CPU us", 9), ("database", 9), ("x bare", 9), ("spread", 8), ("today is", 11)
    columns = [*heads, ("per s", 9), ("p50 ms", 8), ("p99 ms", 8)]
    lines = [" " * WIDTH + "".join(f"{text:>{width}}" for text, width in columns)]
    missed: list[str] = []
    for name, one in best.items():
        plain, separator, rest = name.partition(" (c=")
        beside = separator + rest
        ratio = one.cpu_us / best[BARE + beside].cpu_us
        today = best.get((TODAY_POSTGRES if "PostgreSQL" in name else TODAY) + beside)
        factor = f"{today.cpu_us / one.cpu_us:9.1f} x" if today else ""
        database = f"{one.database_us:.1f}" if one.database_us else ""
        lines.append(
            f"{name:{WIDTH}}{one.cpu_us:9.1f}{database:>9}{ratio:8.2f}x"
            f"{spread_of(results[name]):8.0%}{factor:>11}"
            f"{one.per_second:9.0f}{one.p50_ms:8.2f}{one.p99_ms:8.2f}"
        )
        if beside not in {"", f" (c={MANY})"}:
            continue
        target = TARGETS.get(plain)
        if target and ratio > target:
            missed.append(f"{name}: {ratio:.2f} x bare, not {target:.2f}")
        if plain == ACCEPT and today and today.cpu_us / one.cpu_us < BASELINE_FACTOR:
            missed.append(f"{TODAY} is {today.cpu_us / one.cpu_us:.1f} x, not {BASELINE_FACTOR}")
    few, many = (best.get(f"{ACCEPT} (c={count})") for count in (FEW, MANY))
    if few and many and few.cpu_us > FEW_FACTOR * many.cpu_us:
        ratio = few.cpu_us / many.cpu_us
        missed.append(f"{ACCEPT}: c={FEW} is {ratio:.2f} x c={MANY}, not {FEW_FACTOR}")
    return "\n".join(lines), missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rows", help="only those whose name has one of these words, by commas")
    add_options(parser)
    given = parser.parse_args()
    words = given.rows.split(",") if given.rows else [""]
    cores = sorted(os.sched_getaffinity(0))
    serving = cores[0] if len(cores) > 1 else None
    with endpoint() as (url, _, _), scratch(given) as folder, ExitStack() as ending:
        rows = [*ROWS, *(forwarding(f"{url}/s", postgres=postgres) for postgres in (False, True))]
        chosen = [row for row in rows if row.name == BARE or any(one in row.name for one in words)]
        servers: list[Server] = []
        for number, row in enumerate(chosen):
            database = None
            if row.postgres:
                database = PostgresServer(folder / f"postgres{number}")
                ending.callback(database.stop)
            servers.append(Server(row, folder / str(number), database))
        disk = sync_ms(folder)
        with running(servers, serving):
            if serving is not None:
                os.sched_setaffinity(0, set(cores[1:]))
            results = measure(servers, given)
    text, missed = table(results)
    print(
        f"Python {platform.python_version()} {platform.machine()}, {len(cores)} cores, "
        f"{', '.join(map(str, given.connections))} connections, fdatasync of 4 KiB {disk:.2f} ms; "
        f"best of {given.rounds} rounds\n{text}"
    )
    return told(given, results, missed, fdatasync_ms=disk)


if __name__ == "__main__":
    sys.exit(main())
