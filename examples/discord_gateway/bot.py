"""A bot that hears what is said in Discord, over its gateway.

DISCORD_TOKEN=... python bot.py
"""

import asyncio
import json
import os
from contextlib import suppress

from hardpoint import Hub, ProviderError
from hardpoint.clients import Gap, SocketStream

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
INTENTS = 1 << 9 | 1 << 15  # messages of servers, and what they say

hub = Hub.load("hardpoint.toml")


class Bot:
    """One session, however many connections it takes."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.sequence: int | None = None
        self.session: str | None = None
        self.resume_url: str | None = None
        self._beating: asyncio.Task[None] | None = None
        self._answered = True

    async def address(self) -> str:
        """Where the session is resumed, or where any begins."""
        return f"{self.resume_url}/?v=10&encoding=json" if self.session else "/?v=10&encoding=json"

    async def greet(self, socket: SocketStream, since: str | None) -> None:
        """Say who is there, or what session goes on."""
        hello = json.loads(await socket.receive())
        token = os.environ["DISCORD_TOKEN"]
        if since is None:  # the first, or one whose session is lost
            self.session = self.sequence = None
        if self.session is None:
            device = {"os": "linux", "browser": "hardpoint", "device": "hardpoint"}
            said = {"token": token, "intents": INTENTS, "properties": device}
            await socket.send(json.dumps({"op": IDENTIFY, "d": said}))
        else:
            said = {"token": token, "session_id": self.session, "seq": self.sequence}
            await socket.send(json.dumps({"op": RESUME, "d": said}))
        self._stop()
        self._answered = True
        self._beating = asyncio.create_task(self._beat(socket, hello["d"]["heartbeat_interval"]))

    async def listen(self) -> None:
        """Until Discord closes for good; a message that says `stop` ends it too."""
        connecting = hub.websocket("gateway").connect(self.address, on_open=self.greet)
        try:
            async with connecting as socket:
                async for message in socket:
                    if not isinstance(message, Gap):
                        await self._take(socket, json.loads(message))
                    if self.heard[-1:] == ["stop"]:
                        return
        finally:
            self._stop()

    async def _take(self, socket: SocketStream, message: dict) -> None:
        match message["op"]:
            case op if op == DISPATCH:
                self.sequence = message["s"]
                socket.ack(self.sequence)  # a new connection resumes after it
                if message["t"] == "READY":
                    self.session = message["d"]["session_id"]
                    self.resume_url = message["d"]["resume_gateway_url"]
                elif message["t"] == "MESSAGE_CREATE":
                    self.heard.append(message["d"]["content"])
            case op if op == ACK:
                self._answered = True
            case op if op == HEARTBEAT:
                await socket.send(json.dumps({"op": HEARTBEAT, "d": self.sequence}))
            case op if op == INVALID and not message["d"]:
                self.session = self.sequence = None
                socket.restart("the session is lost")
            case op if op in {RECONNECT, INVALID}:
                socket.restart("asked to")

    async def _beat(self, socket: SocketStream, milliseconds: int) -> None:
        while True:
            await asyncio.sleep(milliseconds / 1000)
            if not self._answered:
                socket.restart("no answer to a heartbeat")
                return
            self._answered = False
            with suppress(ProviderError):  # what is lost is seen by who listens
                await socket.send(json.dumps({"op": HEARTBEAT, "d": self.sequence}))

    def _stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()


if __name__ == "__main__":

    async def main() -> None:
        async with hub:
            await Bot().listen()

    asyncio.run(main())
