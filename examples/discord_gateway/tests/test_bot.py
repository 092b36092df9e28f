import asyncio
import json

import bot
import pytest

from hardpoint import UnexpectedResponseError


class Gateway:
    """Sends its events from where a session is; drops and moves in between."""

    def __init__(self, fake, url, events, closes=()):
        self.fake, self.url, self.events = fake, url, events
        self.closes = list(closes)
        self.begun = []
        fake.on(self.heard, opened=self.hello)

    def hello(self, socket):
        socket.send(json.dumps({"op": 10, "d": {"heartbeat_interval": 20}}))

    def heard(self, socket, message):
        said = json.loads(message)
        if said["op"] == 1:
            if len(self.fake.opened) != 2:  # the second is dead
                socket.send(json.dumps({"op": 11}))
        elif said["op"] in {2, 6}:
            self.begun.append((said["op"], said["d"].get("seq")))
            self.play(socket, said)

    def play(self, socket, said):
        if said["op"] == 2:
            ready = {"session_id": "s-1", "resume_gateway_url": self.url}
            socket.send(json.dumps({"op": 0, "t": "READY", "s": 1, "d": ready}))
        begin = said["d"].get("seq") or 1
        for number, text in enumerate(self.events, 2):
            if number > begin:
                message = {"op": 0, "t": "MESSAGE_CREATE", "s": number, "d": {"content": text}}
                socket.send(json.dumps(message))
                if text == "drop" and len(self.fake.opened) == 1:
                    socket.drop()
                    return
                if text == "dead" and len(self.fake.opened) == 2:
                    return
        if self.closes:
            socket.close(self.closes.pop())


@pytest.fixture
def gateway(hardpoint_hub, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "t-1")
    fake = hardpoint_hub.fake("gateway")
    return lambda *events, **options: Gateway(
        fake.app, fake.url.replace("http", "ws"), events, **options
    )


def listen():
    one = bot.Bot()
    asyncio.run(asyncio.wait_for(one.listen(), 60))
    return one


def test_a_session_is_resumed_after_drops_and_silence(gateway):
    served = gateway("hello", "drop", "dead", "stop")
    assert listen().heard == ["hello", "drop", "dead", "stop"]
    assert [op for op, _ in served.begun] == [2, 6, 6]


def test_a_session_that_is_lost_begins_anew(gateway):
    served = gateway("a", closes=[4009])
    served.fake.on(opened=lambda socket: (served.hello(socket), served.events_end()))
    served.events_end = lambda: setattr(served, "events", ("a", "stop")) if served.begun else None
    assert listen().heard == ["a", "a", "stop"]
    assert served.begun == [(2, None), (2, None)]


def test_a_token_that_is_refused_ends_it(gateway):
    gateway("a", closes=[4004])
    with pytest.raises(UnexpectedResponseError, match="4004"):
        listen()
