"""Run the bench: print the table, the ratios, and what misses its target."""

import argparse
import json
import logging
import platform
import statistics
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.wire.contenders import FLOOR, OURS
from bench.wire.measure import Setting, Times, measure, settings

IDLE_RATIO = 1.1
"""A call beside 64 idle connections costs at most so much of one beside none."""


@dataclass(frozen=True, slots=True)
class Target:
    """Ours costs at most so much of a peer's CPU."""

    mode: str
    path: str
    peer: str
    ratio: float


TARGETS = (
    Target("async", "/s", "httpx2", 0.2),
    Target("async", "/s", "aiohttp", 0.6),
    Target("blocking", "/s", "httpx2", 0.3),
    Target("async", "/l", "aiohttp", 1.0),
    Target("blocking", "/l", "httpx2", 0.6),
)


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Of a round's times, the median: what else runs falls on all contenders of a round alike."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def table(found: Times) -> list[str]:
    lines: list[str] = []
    for setting, times in found.items():
        lines += ["", f"{setting!s:44}{'CPU us':>9}{'x ours':>9}{'x floor':>9}{'spread':>8}"]
        for name in sorted(times, key=lambda name: min(times[name])):
            best = min(times[name])
            lines.append(
                f"{'*' if name == OURS else ' '} {name:42}{best:9.1f}"
                f"{ratio(times[name], times[OURS]):8.2f}x{ratio(times[name], times[FLOOR]):8.2f}x"
                f"{statistics.median(times[name]) / best - 1:8.0%}"
            )
    return lines


def missed(found: Times) -> list[str]:
    """The targets that are not met, in words; they are for every number of calls at a time."""
    said: list[str] = []
    for setting, times in found.items():
        if setting.idle > setting.at_a_time:
            continue
        for target in TARGETS:
            if (target.mode, target.path) == (setting.mode, setting.path) and target.peer in times:
                over = ratio(times[OURS], times[target.peer])
                if over > target.ratio:
                    said.append(f"{setting}: {over:.2f} x {target.peer}, not {target.ratio}")
    for mode in ("async", "blocking"):
        one, many = (
            found.get(Setting(mode, tls=False, path="/s", at_a_time=1, idle=n)) for n in (1, 64)
        )
        if one and many:
            over = min(many[OURS]) / min(one[OURS])
            if over > IDLE_RATIO:
                said.append(f"{mode}: {over:.2f} x beside 64 idle connections, not {IDLE_RATIO}")
    return said


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.wire", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer settings, shorter rounds")
    parser.add_argument("--rounds", type=int, help="of every contender (7, quick 3)")
    parser.add_argument("--calls", type=int, help="in a round (400, quick 150)")
    parser.add_argument("--only", default="", help="settings whose name has this in it")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    given = parser.parse_args()
    rounds = given.rounds or (3 if given.quick else 7)
    calls = given.calls or (150 if given.quick else 400)
    logging.disable(logging.CRITICAL)  # clients are left to the end of the process
    warnings.simplefilter("ignore")
    chosen = [one for one in settings(quick=given.quick) if given.only in str(one)]
    found, missing = measure(chosen, rounds, calls)
    print(
        f"Python {platform.python_version()} {platform.machine()}, CPU of the client's process;"
        f" best of {rounds} rounds of {calls} calls (100 KB: half as many)"
    )
    print("\n".join(table(found)))
    targets = [f"{one.mode} {one.path} {one.ratio} x {one.peer}" for one in TARGETS]
    print(f"\nTargets: {', '.join(targets)}; {IDLE_RATIO} x beside 64 idle connections")
    if missing:
        print("Not installed, not run: " + ", ".join(sorted(missing)))
    if given.json:
        rows = [{**asdict(setting), "us": times} for setting, times in found.items()]
        given.json.write_text(json.dumps(rows, indent=1))
    said = missed(found)
    for miss in said:
        print(f"missed: {miss}")
    return 1 if given.check and said else 0


if __name__ == "__main__":
    sys.exit(main())
