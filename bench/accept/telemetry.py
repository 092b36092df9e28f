"""Measure what an accept costs with logs, metrics and traces on, beside one that nobody listens to.

    python -m bench.accept.telemetry [--rounds 5] [--events 3000] [--check]

Signed events of 2 KB go to a receiver's own door and are stored in a file; 64 are under way. The
rows take turns, round by round; the table has the CPU time (user and system) of an event, the best
round's. Spans go to an exporter that drops them. `--check` exits with 1 when all three together,
with one trace in a hundred, take more than 1.3 times as much as nobody.
"""

import argparse
import asyncio
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from hardpoint import Hub, Listener
from hardpoint.telemetry import OpenTelemetry
from hardpoint.telemetry.logs import configure
from hardpoint.telemetry.prometheus import PrometheusMetrics
from hardpoint.webhooks import scheme

FACTOR = 1.3
AT_ONCE = 64
SECRET = "whsec_bench"
CONFIGURATION = """
[store]
url = "sqlite:inbox.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:BENCH_SECRET"]
"""


class Dropped(SpanExporter):
    """Takes spans, and keeps none."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def traces(share: float) -> Listener:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Dropped()))
    return OpenTelemetry(tracer_provider=provider, meter_provider=MeterProvider(), share=share)


def logs() -> Listener:
    return configure(io.StringIO(), json=True)


ROWS: dict[str, Callable[[], list[Listener]]] = {
    "nobody listens": list,
    "logs": lambda: [logs()],
    "metrics": lambda: [PrometheusMetrics()],
    "traces, one in a hundred": lambda: [traces(0.01)],
    "traces, all": lambda: [traces(1.0)],
    "logs, metrics, traces of one in a hundred": lambda: [
        logs(),
        PrometheusMetrics(),
        traces(0.01),
    ],
    "logs, metrics, traces of all": lambda: [logs(), PrometheusMetrics(), traces(1.0)],
}


async def accept(listeners: list[Listener], events: int) -> float:
    """CPU micro-seconds an event."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        (Path(folder) / "hardpoint.toml").write_text(CONFIGURATION)
        signing = scheme("stripe", secrets=[SECRET])
        requests = []
        for number in range(events):
            body = b'{"id": "evt_%d", "type": "paid", "more": "%s"}' % (number, b"x" * 2000)
            told = signing.sign(body, now=time.time(), event_id=f"evt_{number}", event_type="paid")
            requests.append(([(a.lower().encode(), b.encode()) for a, b in told], body))
        hub = Hub.load(Path(folder) / "hardpoint.toml", listeners=listeners)
        async with hub:
            room, done = asyncio.Semaphore(AT_ONCE), asyncio.Event()
            left = events

            def answered(_answer: object) -> None:
                nonlocal left
                left -= 1
                room.release()
                if not left:
                    done.set()

            before = time.process_time()
            for headers, body in requests:
                await room.acquire()
                hub.receiver.submit("billing", headers, body, answered)
            await done.wait()
            return (time.process_time() - before) / events * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    os.environ["BENCH_SECRET"] = SECRET
    best = dict.fromkeys(ROWS, float("inf"))
    for _ in range(given.rounds):
        for name, listeners in ROWS.items():
            best[name] = min(best[name], asyncio.run(accept(listeners(), given.events)))
    floor = best["nobody listens"]
    for name, us in best.items():
        print(f"{name:44}{us:8.1f} us{us / floor:8.2f}x")
    ratio = best["logs, metrics, traces of one in a hundred"] / floor
    return int(given.check and ratio > FACTOR)


if __name__ == "__main__":
    sys.exit(main())
