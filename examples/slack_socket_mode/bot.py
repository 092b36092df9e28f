"""A bot that hears what is said in Slack, over Socket Mode.

SLACK_APP_TOKEN=xapp-... python bot.py
"""

import asyncio
import json
from collections import OrderedDict
from contextlib import suppress

from hardpoint import Hub, ProviderError
from hardpoint.clients import Gap

KNOWN_MAX = 10_000

hub = Hub.load("hardpoint.toml")
heard: list[str] = []
known: OrderedDict[str, None] = OrderedDict()


async def address() -> str:
    """Another one for each connection."""
    answer = await hub.rest("slack").post("/apps.connections.open", into=dict, repeat="safe")
    return answer["url"]


async def listen() -> None:
    """Until Slack closes for good; a message that says `stop` ends it too."""
    async with hub.websocket("socket").connect(address) as socket:
        async for message in socket:
            if isinstance(message, Gap):
                continue  # Slack sends again what was not acknowledged
            envelope = json.loads(message)
            if envelope["type"] == "disconnect":
                socket.restart(f"asked to: {envelope['reason']}")
            elif envelope["type"] == "events_api":
                number = envelope["envelope_id"]
                if number not in known:
                    heard.append(envelope["payload"]["event"]["text"])
                    known[number] = None
                    if len(known) > KNOWN_MAX:
                        known.popitem(last=False)
                with suppress(ProviderError):  # Slack sends it again, and it is known
                    await socket.send(json.dumps({"envelope_id": number}), confirm=True)
                if heard[-1] == "stop":
                    return


if __name__ == "__main__":

    async def main() -> None:
        async with hub:
            await listen()

    asyncio.run(main())
