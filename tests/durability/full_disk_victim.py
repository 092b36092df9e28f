"""A deployment on a small disk of its own; fills it, and prints what it is told of that.

`full_disk_victim.py FOLDER PART`, the folder being the disk. PART is `store`, `vault` or `flows`.
Prints a line of JSON at the end; the log goes to standard error as `logging` writes it by default.
"""

import asyncio
import json
import sys
from pathlib import Path

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.oauth.flow import FlowKind
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import Reloader
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
public_url = "https://shop.example"
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["env:STRIPE"]
[vault]
path = "vault.db"
keyring = "env:KEYRING"
[oauth.github]
provider = "github"
client_id = "c"
client_secret = "env:STRIPE"
login = true
connect = true
"""


def fill(folder: Path) -> None:
    """Write until there is no room for another byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def deliver(hub: Hub) -> int:
    """One signed webhook; gives its status."""
    clock = SystemClock()
    body = json.dumps({"id": "evt_1", "type": "paid", "note": "x" * 200_000}).encode()
    headers = scheme("stripe", secrets=["whsec_disk"]).sign(
        body, now=clock.now(), event_id="evt_1", event_type="paid"
    )
    answered = asyncio.get_running_loop().create_future()
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    hub.receiver.submit("billing", raw, body, answered.set_result)
    return (await answered).status


async def act(hub: Hub, part: str) -> str:
    """What the disk is needed for; gives how it was answered."""
    try:
        if part == "store":
            return str(await deliver(hub))
        if part == "flows":
            await hub.accounts.flows.begin(FlowKind.LOGIN, "github")
        else:
            tokens = Tokens(access=Secret.value("x" * 100_000), issued_at=0.0)
            await hub.vault.put("github", tokens, client="github", tenant="u")
    except StoreUnavailableError as error:
        return str(error)
    return "done"


async def main(folder: Path, part: str) -> None:
    configuration = folder / "hardpoint.toml"
    configuration.write_text(CONFIGURATION)
    hub = Hub(Settings.load(configuration))
    async with hub:
        readiness = Readiness(
            hub,
            Reloader(hub.reload, list, listeners=hub.listeners),
            SystemClock(),
            free=lambda path: 1 << 40,  # what is told, rather than what is measured
        )
        measured = Readiness(
            hub, Reloader(hub.reload, list, listeners=hub.listeners), SystemClock()
        )
        before = await measured.look()
        fill(folder)
        answer = await act(hub, part)
        told, seen = await readiness.look(), await measured.look()
        (folder / "filler").unlink()
        again = await act(hub, part)
        after = await readiness.look()
    sys.stdout.write(
        json.dumps(
            {
                "before": before.ready,
                "answer": answer,
                "told": told.reasons,
                "ready": told.ready,
                "seen": seen.reasons,
                "again": again,
                "after": after.ready,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
