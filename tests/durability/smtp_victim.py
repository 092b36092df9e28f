"""A script that sends one email under one key, as `python smtp_victim.py FOLDER MODE`.

It prints the email's id, or the error's class, as one word.
"""

import asyncio
import sys

from hardpoint.core.errors import HardpointError
from hardpoint.hub.hub import Hub
from hardpoint.sync import Hub as BlockingHub

ASKED = {"to": "ann@customer.example", "subject": "Receipt", "text": "hi", "idempotency_key": "r-7"}


async def send(path: str) -> str:
    async with Hub.load(path) as hub:
        return (await hub.email("mail").send(**ASKED)).id


def main(folder: str, mode: str) -> str:
    path = f"{folder}/hardpoint.toml"
    if mode == "async":
        return asyncio.run(send(path))
    with BlockingHub.load(path) as hub:
        return hub.email("mail").send(**ASKED).id


if __name__ == "__main__":
    try:
        sys.stdout.write(main(*sys.argv[1:]))
    except HardpointError as error:
        sys.stdout.write(type(error).__name__)
