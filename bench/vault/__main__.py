"""Run the cases and the measurements."""

import argparse
import sys
import warnings
from pathlib import Path

from bench.vault import authlib_side, hardpoint_side
from bench.vault.cases import CASES, verdict
from bench.vault.cost import measured, missed
from bench.vault.page import page


def main() -> int:
    """Print, and write or check what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the page of the cases")
    parser.add_argument("--check", action="store_true", help="exit with 1 on a missed target")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {
        side.NAME: {case: verdict(side, case) for case in CASES}
        for side in (hardpoint_side, authlib_side)
    }
    for name, found in results.items():
        print(name)
        for case, title in CASES.items():
            print(f"  {case.upper()} {'right' if found[case].right else 'WRONG'}  {title}")
            print(f"           {found[case].seen}")
    if arguments.write:
        arguments.write.write_text(page(results))
    best = measured(arguments.rounds)
    for name, spent in best.items():
        print(f"{name:28} {spent:8.2f} us")
    wrong = missed(best)
    wrong += [
        f"case {case.upper()}: {one.seen}"
        for case, one in results[hardpoint_side.NAME].items()
        if not one.right
    ]
    for one in wrong:
        print(f"missed: {one}", file=sys.stderr)
    return int(bool(wrong) and arguments.check)


if __name__ == "__main__":
    sys.exit(main())
