"""Run every library through every scenario and print the table.

Each library runs in a process of its own, so that one that hangs, or leaves threads and hooks
behind, harms no other.
"""

import argparse
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from bench.peers import table
from bench.peers.libraries import NAMES, load, missing
from bench.peers.verdict import Verdict, wrong
from bench.results import tell, told

HANG = 60.0
"""Seconds a library may take for one scenario."""


def worker(name: str) -> None:
    """Play all scenarios for one library; one result each."""
    import logging
    import warnings

    from bench.peers.scenarios import SCENARIOS

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    threading.excepthook = lambda _: None
    library = load(name)
    tell({"version": library.version()})
    for scenario in SCENARIOS:
        try:
            verdict = scenario.verdict(library)
        except Exception as error:  # a defect of the adapter, shown as such
            verdict = wrong(f"adapter: {type(error).__name__}: {error}")
        tell({"number": scenario.number, **asdict(verdict)})


def judge(name: str) -> tuple[str, dict[int, Verdict]]:
    """Version and verdicts of one library, from a process of its own."""
    command = [sys.executable, "-m", "bench.peers", "--worker", name]
    version, verdicts = "", {}
    try:
        with told(command) as (process, found):
            watchdog = threading.Timer(HANG, process.kill)
            watchdog.start()
            for answer in found:
                if "version" in answer:
                    version = answer["version"]
                else:
                    verdicts[answer["number"]] = Verdict(answer["mark"], answer["seen"])
            watchdog.cancel()
    except subprocess.CalledProcessError as error:
        if not verdicts:
            raise SystemExit(f"{name}: {error}") from None
    return version, verdicts


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    options.add_argument("--only", default="", help="names, separated by commas")
    options.add_argument("--write", type=Path, metavar="FILE", help="write the Markdown page too")
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--worker", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        worker(chosen.worker)
        return
    names = [n for n in NAMES if not chosen.only or n in chosen.only.split(",")]
    results: dict[str, tuple[str, dict[int, Verdict]]] = {}
    absent: list[str] = []
    for name in names:
        if gap := missing(name):
            absent.append(f"{name} (install {gap})")
            continue
        results[name] = judge(name)
    if chosen.json:
        print(table.as_json(results))
    else:
        print(table.as_text(results))
    if absent:
        print("Not installed, not run: " + ", ".join(absent), file=sys.stderr)
    if chosen.write:
        chosen.write.write_text(table.as_page(results, absent))


if __name__ == "__main__":
    main()
