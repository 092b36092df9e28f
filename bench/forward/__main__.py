"""Run the bench: a bare answer, accepting alone and accepting with forwarding, in turns."""

import argparse
import platform
import sys

from bench.accept.servers import (
    BARE,
    BARE_US,
    ROWS,
    Row,
    Server,
    events_of,
    forwarding,
    hardpoint,
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

FORWARD_TARGET = 350 / BARE_US
"""CPU of the server for one event, in multiples of the bare row's: 350 us on a machine where a
gateway in Go takes 858 (WebhookX, the same load)."""
ACCEPT, FORWARD = "hardpoint serve: accept", "hardpoint serve: accept, forward"


def table(results: dict[str, list[Round]]) -> tuple[str, list[str]]:
    """The table, and what misses its target."""
    best = best_of(results)
    lines = [f"{'':44}{'CPU us':>9}{'x bare':>10}{'spread':>8}{'p99 ms':>9}"]
    for name, one in best.items():
        ratio = one.cpu_us / best[BARE].cpu_us
        spread = spread_of(results[name])
        lines.append(f"{name:44}{one.cpu_us:9.1f}{ratio:9.2f}x{spread:8.0%}{one.p99_ms:9.2f}")
    alone = best[FORWARD].cpu_us - best[ACCEPT].cpu_us
    lines.append(f"{'handing on alone':44}{alone:9.1f}{alone / best[BARE].cpu_us:9.2f}x")
    lines.append(f"Target: {FORWARD_TARGET:.1f} x bare to accept and forward an event")
    ratio = best[FORWARD].cpu_us / best[BARE].cpu_us
    missed = [f"{ratio:.1f} x bare, not {FORWARD_TARGET:.1f}"] if ratio > FORWARD_TARGET else []
    return "\n".join(lines), missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.forward", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="of each (3, quick 1)")
    parser.add_argument("--events", type=int, help="in a round (6000, quick 2000)")
    add_options(parser)
    given = parser.parse_args()
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.events = given.events or (2000 if given.quick else 6000)
    with endpoint() as (url, _, _), scratch(given) as folder:
        (bare,) = (row for row in ROWS if row.name == BARE)
        servers = [
            Server(bare, folder / "bare"),
            Server(Row(ACCEPT, hardpoint(), events_of), folder / "accept"),
            Server(forwarding(f"{url}/s", postgres=False), folder / "forward"),
        ]
        with running(servers):
            results = measure(servers, given)
    text, missed = table(results)
    print(
        f"Python {platform.python_version()} {platform.machine()}, {given.connections[0]} "
        f"connections; best of {given.rounds} rounds of {given.events} events\n{text}"
    )
    return told(given, results, missed)


if __name__ == "__main__":
    sys.exit(main())
