"""The command line of the simulation."""

import argparse
import sys
from pathlib import Path

from bench.simulate.curves import as_svg, as_text
from bench.simulate.report import as_json, as_table
from bench.simulate.strategies import STRATEGIES
from bench.simulate.world import World, simulate


def main(arguments: list[str] | None = None) -> None:
    """Play the story under every strategy and print what came of it."""
    options = argparse.ArgumentParser(
        prog="python -m bench.simulate",
        description="A server that hangs and comes back, and what its callers make of that.",
    )
    options.add_argument("--clients", type=int, default=40, help="processes that call")
    options.add_argument("--seed", type=int, default=1, help="of all chance")
    options.add_argument("--end", type=float, default=90.0, help="seconds; it is back after 40")
    options.add_argument("--json", action="store_true", help="print JSON instead")
    options.add_argument("--plot", type=Path, metavar="FILE", help="also write the curves as SVG")
    chosen = options.parse_args(arguments)
    world = World(clients=chosen.clients, seed=chosen.seed, end=chosen.end)
    histories = [simulate(name, make(world), world) for name, make in STRATEGIES.items()]
    if chosen.json:
        text = as_json(histories, world)
    else:
        text = as_table(histories, world) + "\n\n" + as_text(histories, world)
    sys.stdout.write(text + "\n")
    if chosen.plot is not None:
        chosen.plot.write_text(as_svg(histories, world))


if __name__ == "__main__":
    main()
