import asyncio

import pytest

from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket
from hardpoint.service.sockets import bind
from hardpoint.testing import ManualClock
from hardpoint.webhooks.answers import STORED


def test_a_drain_cuts_off_none_of_forty_clients_in_full_flow(served, post):
    async def scenario(door):
        answered = 0
        flowing = asyncio.Event()

        async def flow(client) -> str:
            nonlocal answered
            while True:
                client.say(post(b"x" * 2000))
                heard = await client.answer()
                assert heard.status == 200
                answered += 1
                if answered > 400:
                    flowing.set()
                if heard.headers.get(b"connection") == b"close":
                    return "told"

        flows = [asyncio.create_task(flow(await door.connect())) for _ in range(40)]
        await flowing.wait()
        assert await door.listener.drain(soft=0.5, limit=20) == 0
        assert await asyncio.gather(*flows) == ["told"] * 40
        assert len(door.receiver.taken) == answered

    served(scenario)


def test_a_drain_waits_for_what_has_begun_and_hangs_up_on_the_idle(served, post):
    async def scenario(door):
        idle, waiting, half = [await door.connect() for _ in range(3)]
        idle.say(post())
        assert await idle.status() == 200
        waiting.say(post(source="slow"))
        half.say(post(b"half")[:-1])
        await door.receiver.has(2)
        draining = asyncio.create_task(door.listener.drain(soft=0.05, limit=20))
        assert await idle.closed() == b""
        half.say(b"f")
        assert (await half.answer()).headers[b"connection"] == b"close"
        door.receiver.waiting.pop()(STORED)
        assert (await waiting.answer()).headers[b"connection"] == b"close"
        assert await draining == 0
        with pytest.raises(ConnectionError):
            await door.connect()

    served(scenario)


def test_who_comes_in_the_first_moments_of_a_drain_is_served(served, post):
    async def scenario(door):
        keeping = await door.connect()
        draining = asyncio.create_task(door.listener.drain(soft=0.3, limit=20))
        await asyncio.sleep(0.05)
        late = await door.connect()
        late.say(post(), b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        heard = await late.answer()
        assert (heard.status, heard.headers[b"connection"]) == (200, b"close")
        keeping.say(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        heard = await keeping.answer()
        assert (heard.status, heard.headers[b"connection"]) == (200, b"close")
        assert await draining == 0

    served(scenario)


def test_a_drain_ends_at_its_limit_and_says_how_many_it_cut_off(served, post):
    async def scenario(door):
        stuck = await door.connect()
        stuck.say(post(source="slow"))
        await door.receiver.has(1)
        assert await door.listener.drain(soft=0.01, limit=0.1) == 1
        assert await stuck.closed() == b""

    served(scenario)


def test_a_listener_that_never_started_lets_its_socket_go():
    async def scenario() -> int:
        guard = IngressGuard(IngressLimits(), ManualClock(), refused=lambda source, reason: None)
        sock = bind("::1", 0, key="port")
        listener = ListeningSocket(sock, guard, lambda: None)
        assert listener.url.startswith("http://[::1]:")
        assert await listener.drain(soft=1, limit=1) == 0
        return sock.fileno()

    assert asyncio.run(scenario()) == -1
