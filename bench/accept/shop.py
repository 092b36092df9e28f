"""The application of the rows with a handler: `hardpoint serve bench.accept.shop:hub`."""

import os
import threading

from hardpoint.hub.hub import Hub

hub = Hub.load(os.environ["BENCH_CONFIG"])
PAID = "insert into orders(id, paid) values ($1, 1) on conflict(id) do update set paid = 1"


def order_of(event) -> str:
    return event.json()["data"]["object"]["metadata"]["order"]


if os.environ["BENCH_HANDLER"] == "nothing":

    @hub.on("billing")
    async def do_nothing(event, job) -> None:
        pass

elif os.environ["BENCH_HANDLER"] == "write":

    @hub.on("billing")
    async def mark_paid(event, job) -> None:
        order = order_of(event)
        job.write(lambda tx: tx.execute(PAID, (order,)))

elif os.environ["BENCH_HANDLER"] == "execute":

    @hub.on("billing")
    async def mark_paid(event, job) -> None:
        job.execute(PAID, (order_of(event),))

elif hub.settings.store.file is None:

    @hub.on("billing")
    async def mark_paid(event, job) -> None:
        async with job.transaction() as tx:
            await tx.execute(PAID, (order_of(event),))

else:
    own = threading.local()

    @hub.on("billing")
    def mark_paid(event, job) -> None:
        if not hasattr(own, "connection"):
            own.connection = hub.connect()
        with job.complete_in(own.connection):
            own.connection.execute(PAID.replace("$1", "?"), (order_of(event),))
