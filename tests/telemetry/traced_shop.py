"""A shop in a process of its own, traced: it receives an event, or goes on after it died.

python traced_shop.py receive|resume FOLDER COLLECTOR
"""

import asyncio
import os
import sys
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from hardpoint import Hub
from hardpoint.telemetry import OpenTelemetry
from hardpoint.webhooks import scheme

BODY = b'{"id": "evt_1", "type": "paid"}'


def hub_of(folder: str, collector: str, *, dies: bool, done: asyncio.Event) -> Hub:
    provider = TracerProvider(resource=Resource({"process.pid": os.getpid()}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector}/v1/traces")))
    hub = Hub.load(f"{folder}/hardpoint.toml", listeners=[OpenTelemetry(tracer_provider=provider)])

    @hub.on("shop", "paid")
    async def tell_crm(event, job):
        if dies:
            os._exit(9)
        await hub.rest("crm").post("/deals", json={"event": event.id}, idempotency_key="k")
        done.set()

    return hub


def done_with(answer) -> None:
    os.write(1, b"%d\n" % answer.status)


async def main(action: str, folder: str, collector: str) -> None:
    done = asyncio.Event()
    hub = hub_of(folder, collector, dies=action == "receive", done=done)
    async with hub:
        if action == "receive":
            signed = scheme("stripe", secrets=["whsec_one"]).sign(
                BODY, now=time.time(), event_id="evt_1", event_type="paid"
            )
            headers = [*signed, ("X-Request-Id", "order-7")]
            raw = [(name.lower().encode(), value.encode()) for name, value in headers]
            hub.receiver.submit("shop", raw, BODY, done_with)
        await asyncio.wait_for(done.wait(), 20)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
