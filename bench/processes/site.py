"""The site of the bench: a mounted hub, `uvicorn bench.processes.site:app`."""

import os
import time
from pathlib import Path

from hardpoint.hub.hub import Hub

hub = Hub.load(os.environ["BENCH_CONFIG"])
app = hub.asgi()

if handled := os.environ.get("BENCH_HANDLED"):

    @hub.on("billing")
    async def note(event, job) -> None:
        """Note how long after its receipt it is handled: a line is whole, whoever writes."""
        late = time.time() - event.received_at
        with Path(handled).open("a") as notes:
            notes.write(f"{late}\n")
