"""Servers that take turns, round by round in one run: what each event cost, and how it is told."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.accept.servers import SECRET, Server
from bench.results import results

WARM_UP = 0.05


@dataclass
class Round:
    """One row's turn."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float
    database_us: float = 0.0
    """The database's part of `cpu_us`."""


def post(server: Server, events: int, connections: int, name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.accept.load", server.url]
    command += ["--secret", SECRET, "--name", name, "--events", str(events)]
    command += ["--connections", str(connections)]
    (result,) = results(command)
    if result["refused"]:
        sys.exit(f"{server.row.name} refused {result['refused']} events")
    server.answered += events
    return result


def turn(server: Server, events: int, connections: int, name: str) -> Round:
    before, database = server.cpu_seconds(), server.database_seconds()
    result = post(server, events, connections, name)
    server.settle()
    cpu_us = (server.cpu_seconds() - before) / events * 1e6
    database_us = (server.database_seconds() - database) / events * 1e6
    return Round(cpu_us, result["per_second"], result["p50_ms"], result["p99_ms"], database_us)


def measure(servers: list[Server], given: argparse.Namespace) -> dict[str, list[Round]]:
    """Each row's rounds, by its name; with the number of connections, where there are several."""
    results: dict[str, list[Round]] = {}
    for number in range(-1, given.rounds):
        for connections in given.connections:
            for server in servers:
                events = max(1, int(given.events * server.row.weight))
                name = server.row.name
                if len(given.connections) > 1:
                    name = f"{name} (c={connections})"
                if number < 0:
                    run = f"warm{connections}_"
                    post(server, max(1, int(events * WARM_UP)), connections, run)
                    continue
                round_ = turn(server, events, connections, f"r{number}c{connections}_")
                results.setdefault(name, []).append(round_)
                print(f"round {number + 1}: {name}: {round_.cpu_us:.1f} us", file=sys.stderr)
    return results


def best_of(results: dict[str, list[Round]]) -> dict[str, Round]:
    """Each row's round that took the least CPU time."""
    return {name: min(rounds, key=lambda one: one.cpu_us) for name, rounds in results.items()}


def spread_of(rounds: list[Round]) -> float:
    """How far the median is above the best."""
    best = min(one.cpu_us for one in rounds)
    return statistics.median(one.cpu_us for one in rounds) / best - 1


def numbers(text: str) -> list[int]:
    """As they are given, by commas."""
    return [int(one) for one in text.split(",")]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of every bench of servers."""
    parser.add_argument("--connections", type=numbers, default=[64], help="several, by commas")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")


@contextmanager
def scratch(given: argparse.Namespace) -> Generator[Path]:
    """A folder for what the servers keep, which is removed."""
    folder = Path(tempfile.mkdtemp(prefix="hardpoint-bench-", dir=given.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(servers: list[Server], cpu: int | None = None) -> Generator[None]:
    """They run while the block lasts; then what they acknowledged is looked for."""
    try:
        for server in servers:
            server.start(cpu)
        yield
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            if server.process is not None:
                server.process.kill()
                server.process.wait()


def told(
    given: argparse.Namespace,
    results: dict[str, list[Round]],
    missed: list[str],
    **facts: float,
) -> int:
    """Write the figures where they are wanted and say what is missed; the exit code."""
    if given.json:
        rows = {name: [asdict(one) for one in rounds] for name, rounds in results.items()}
        given.json.write_text(json.dumps({**facts, "rows": rows}, indent=1))
    for miss in missed:
        print(f"missed: {miss}")
    return 1 if given.check and missed else 0
