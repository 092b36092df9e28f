"""Run the bench: a bare answer, accepting alone and accepting with forwarding, in turns."""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path

from bench.accept.__main__ import Round, measure
from bench.accept.servers import (
    BARE,
    CONFIGURATION,
    ROWS,
    Row,
    Server,
    events_of,
    hardpoint,
)
from bench.wire.measure import server as endpoint

FORWARD_TARGET = 350 / 28.5
"""CPU of the server for one event, in multiples of the bare row's: 350 us on a machine where that
takes 28.5, and where a gateway in Go takes 858 (WebhookX, the same load)."""
ACCEPT, FORWARD = "hardpoint serve: accept", "hardpoint serve: accept, forward"
ONWARD = """
[webhooks.billing.forward]
url = "{url}"
secret = "env:BENCH_FORWARD_SECRET"
"""


def forwarding(url: str) -> Row:
    serve = hardpoint()

    def command(folder: Path, port: int, admin_port: int) -> list[str]:
        made = serve(folder, port, admin_port)
        (folder / "hardpoint.toml").write_text(CONFIGURATION + ONWARD.format(url=url))
        return made

    return Row(FORWARD, command, events_of)


def table(results: dict[str, list[Round]]) -> tuple[str, list[str]]:
    """The table, and what misses its target."""
    best = {name: min(rounds, key=lambda one: one.cpu_us) for name, rounds in results.items()}
    lines = [f"{'':44}{'CPU us':>9}{'x bare':>10}{'spread':>8}{'p99 ms':>9}"]
    for name, one in best.items():
        ratio = one.cpu_us / best[BARE].cpu_us
        spread = statistics.median(each.cpu_us for each in results[name]) / one.cpu_us - 1
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
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    given = parser.parse_args()
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.events = given.events or (2000 if given.quick else 6000)
    os.environ["BENCH_FORWARD_SECRET"] = "whsec_" + b64encode(b"k" * 32).decode()
    folder = Path(tempfile.mkdtemp(prefix="hardpoint-bench-", dir=given.folder))
    with endpoint() as (url, _, _):
        (bare,) = (row for row in ROWS if row.name == BARE)
        servers = [
            Server(bare, folder / "bare"),
            Server(Row(ACCEPT, hardpoint(), events_of), folder / "accept"),
            Server(forwarding(f"{url}/s"), folder / "forward"),
        ]
        try:
            for server in servers:
                server.start(None)
            results = measure(servers, given)
            for server in servers:
                server.stop()
        finally:
            for server in servers:
                if server.process is not None:
                    server.process.kill()
                    server.process.wait()
            shutil.rmtree(folder)
    text, missed = table(results)
    print(
        f"Python {platform.python_version()} {platform.machine()}, {given.connections} connections;"
        f" best of {given.rounds} rounds of {given.events} events\n{text}"
    )
    if given.json:
        rows = {name: [asdict(one) for one in rounds] for name, rounds in results.items()}
        given.json.write_text(json.dumps(rows, indent=1))
    for miss in missed:
        print(f"missed: {miss}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
