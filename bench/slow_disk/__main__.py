"""Run with `python -m bench.slow_disk`: accepts a second on a disk that takes 3 ms to be sure.

Most disks of the cloud do. One such wait serves whatever came meanwhile, so the rate has to stay.
It needs a C compiler, for a library that makes each `fsync` and `fdatasync` wait.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import database
from bench.store.__main__ import drive, event
from hardpoint.store.postgres.opening import PostgresEngine
from hardpoint.store.sqlite.opening import SqliteEngine

TARGET = 2_500
IN_FLIGHT = (16, 64)
EVENTS = 10_000
_MEASURED = "SLOW_DISK_US"


async def rate(store: Any, in_flight: int) -> float:
    """Events a second."""
    await store.open()
    await drive(store, [event(n, lease=False) for n in range(500)], in_flight=in_flight)
    events = [event(n, lease=False) for n in range(EVENTS, 2 * EVENTS)]
    began = time.perf_counter()
    await drive(store, events, in_flight=in_flight)
    seconds = time.perf_counter() - began
    await store.close()
    return EVENTS / seconds


def measure(folder: Path) -> bool:
    """Show each engine's rates; whether the target is met."""
    met = True
    with database.server(folder) as address:
        for in_flight in IN_FLIGHT:
            url = database.made(address, f"at_{in_flight}")
            for name, store in (
                ("SQLite", SqliteEngine(folder / f"{in_flight}.db", retention=None)),
                ("PostgreSQL", PostgresEngine(url, retention=None)),
            ):
                found = asyncio.run(rate(store, in_flight))
                met = met and found >= TARGET
                verdict = "met" if found >= TARGET else "MISSED"
                print(
                    f"{name:<11} accept, {in_flight} in flight {found:9,.0f}/s"
                    f"  (>= {TARGET:,}: {verdict})"
                )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milliseconds", type=float, default=3.0)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="slow-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if _MEASURED in os.environ:
            return 0 if measure(folder) else 1
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            sys.exit(
                "bench.slow_disk needs a C compiler. On Debian and Ubuntu: apt-get install gcc"
            )
        library = folder / "slow.so"
        source = Path(__file__).with_name("slow.c")
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True)
        slowed = {
            **os.environ,
            _MEASURED: str(int(options.milliseconds * 1000)),
            "LD_PRELOAD": str(library),
        }
        again = [sys.executable, "-m", "bench.slow_disk", *sys.argv[1:]]
        return subprocess.run(again, env=slowed, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
