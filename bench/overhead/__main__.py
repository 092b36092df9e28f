"""Run the bench: fresh processes, one after the other, and print the medians of all samples."""

import argparse
import logging
import os
import sys
import warnings
from importlib import import_module

from bench.overhead import report
from bench.overhead.gates import GATES
from bench.overhead.measure import measure
from bench.overhead.rows import ROWS, Row
from bench.results import results, tell


def chosen_rows(*, quick: bool, only: str) -> list[Row]:
    for part in ("floors", "others", "ours"):
        import_module(f"bench.overhead.{part}")
    if quick:
        gated = {row for gate in GATES for row in gate.rows}
        gated |= {(gate.mode, gate.path, "bare") for gate in GATES}
        return [row for key, row in ROWS.items() if key in gated]
    wanted = [part for part in only.split(",") if part]
    return [
        row
        for row in ROWS.values()
        if row.kind != "peer" or not wanted or any(part in row.name for part in wanted)
    ]


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    options.add_argument("--quick", action="store_true", help="ours and the floors, briefly")
    options.add_argument("--only", default="", help="other libraries, parts of names, by commas")
    options.add_argument("--processes", type=int, help="how many (5)")
    options.add_argument("--samples", type=int, help="samples of each row per process (9, quick 7)")
    options.add_argument("--json", action="store_true", help="print JSON")
    options.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    said = options.parse_args()
    processes = said.processes or 5
    samples = said.samples or (7 if said.quick else 9)
    if said.worker is not None:
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        rows = chosen_rows(quick=said.quick, only=said.only)
        tell(measure(rows, said.worker, samples, 8.0))
        return 0

    found: dict[tuple[str, str, str], list[float]] = {}
    missing: set[str] = set()
    for seed in range(processes):
        command = [sys.executable, "-m", "bench.overhead", "--worker", str(seed)]
        command += ["--samples", str(samples), "--only", said.only]
        command += ["--quick"] if said.quick else []
        # Measured code must not be traced: a coverage run would start in the child otherwise.
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
        environment = clean | {"PYTHONHASHSEED": str(seed)}
        for answer in results(command, env=environment)[0]:
            if "missing" in answer:
                missing.add(answer["missing"])
            else:
                found.setdefault(tuple(answer["row"]), []).extend(answer["ns"])
    say = report.as_json if said.json else report.as_text
    print(say(found, processes, missing))
    medians = report.medians(found)
    return int(any(gate.verdict(medians) == "FAILED" for gate in GATES))


if __name__ == "__main__":
    raise SystemExit(main())
