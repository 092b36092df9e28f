"""Between two connections: closed meanwhile, or without credentials for a while."""

import asyncio

import pytest

from hardpoint.clients import Gap
from hardpoint.core.errors import AuthenticationError, UnavailableError


class Account:
    """An account whose token cannot be renewed at first."""

    def __init__(self, *failures):
        self.failures = [*failures]
        self.token = 1

    async def headers(self):
        return (("authorization", f"Bearer t{self.token}"),)

    async def rejected(self, headers):
        if self.failures:
            raise self.failures.pop(0)
        self.token += 1

    def permits(self, host):
        return True

    def secrets(self):
        return ()


def test_one_that_is_closed_while_it_is_greeted_again_ends(feed):
    greeted = []

    async def greet(socket, since):
        greeted.append(since)
        if len(greeted) > 1:
            await asyncio.Event().wait()

    async def closing(socket):
        waiting = asyncio.create_task(anext(socket, "the end"))
        feed.fake.wait_for(1)
        feed.fake.drop()
        while len(greeted) < 2:
            await asyncio.sleep(0.001)
        await socket.close()
        found = await asyncio.wait_for(waiting, 5)
        feed.fake._sockets.wait_for(lambda: not feed.fake._sockets._open, 5)
        return found

    assert feed.run(closing, on_open=greet) == "the end"
    assert len(feed.fake.opened) == 2


def test_credentials_that_cannot_be_had_for_a_while_are_waited_for(feed):
    account = Account(UnavailableError("no tokens now", retry_after=7.0))
    feed.fake.on(
        opened=lambda socket: (
            socket.send("x") if account.token > 1 else socket.close(4401, "expired")
        )
    )

    async def first_message(socket):
        while isinstance(one := await anext(socket), Gap):
            pass
        return one

    client = feed.client(auth="oauth", key=account, closes={"4401": "renew"})
    assert feed.run(first_message, client=client) == "x"
    assert feed.clock.waits == [7.0, 1.0]


def test_credentials_that_are_not_to_be_had_are_the_end(feed):
    account = Account(AuthenticationError("connect the account again"))
    feed.fake.on(opened=lambda socket: socket.close(4401))

    async def one(socket):
        with pytest.raises(AuthenticationError, match="connect the account again"):
            await anext(socket)
        return await anext(socket, "the end")

    client = feed.client(auth="oauth", key=account, closes={"4401": "renew"})
    assert feed.run(one, client=client) == "the end"
    assert len(feed.fake.opened) == 1
