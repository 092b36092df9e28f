"""The application of the rows with a handler: `hardpoint serve bench.accept.shop:hub`."""

import os

from hardpoint.hub.hub import Hub

hub = Hub.load(os.environ["BENCH_CONFIG"])

if os.environ["BENCH_HANDLER"] == "nothing":

    @hub.on("billing")
    async def do_nothing(event, job) -> None:
        pass

else:

    @hub.on("billing")
    async def mark_paid(event, job) -> None:
        order = event.json()["data"]["object"]["metadata"]["order"]
        job.write(
            lambda tx: tx.execute(
                "insert into orders(id, paid) values (?, 1) on conflict(id) do update set paid = 1",
                (order,),
            )
        )
