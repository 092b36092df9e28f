import asyncio
import socket
import threading
from functools import partial

import pytest

from hardpoint.testing import ManualClock, loop


def test_a_thread_may_wake_a_loop_that_has_nothing_else_to_do():
    async def scenario():
        woken = asyncio.get_running_loop().create_future()
        wake = partial(asyncio.get_running_loop().call_soon_threadsafe, woken.set_result, "woken")
        threading.Timer(0.05, wake).start()
        return await woken

    assert ManualClock().run(scenario()) == "woken"


def test_a_socket_is_served_before_time_moves():
    clock = ManualClock(monotonic=0.0)

    async def scenario():
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            there.send(b"x")
            async with asyncio.timeout(5):
                return await asyncio.get_running_loop().sock_recv(here, 1), clock.monotonic()

    assert clock.run(scenario()) == (b"x", 0.0)


def test_a_standstill_is_an_error_and_does_not_hang(monkeypatch):
    monkeypatch.setattr(loop, "GRACE", 0.01)

    async def scenario():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="no timer that would wake one"):
        ManualClock().run(scenario())
