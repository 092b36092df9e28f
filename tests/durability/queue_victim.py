"""A hub that handles a queue's messages as events, in a process that dies again and again.

Run as `python queue_victim.py FOLDER`. It says `up` when it works, and lives until it is killed.
Each order is written down in the transaction that completes its job.
"""

import asyncio
import os
import sys
from pathlib import Path

from hardpoint import Event, Hub, Job


def main(folder: Path) -> None:
    hub = Hub.load(folder / "hardpoint.toml")
    with hub.connect() as connection:
        connection.execute("create table if not exists packed (number int, at real)")
    connection.close()

    @hub.on("orders", "placed")
    async def pack(event: Event, job: Job) -> None:
        number = event.json()["order"]
        await asyncio.sleep(0.01 * (number % 5))
        job.write(lambda tx: tx.execute("insert into packed values (?, unixepoch())", [number]))

    async def live() -> None:
        async with hub:
            os.write(1, b"up\n")
            await asyncio.Event().wait()

    asyncio.run(live())


main(Path(sys.argv[1]))
