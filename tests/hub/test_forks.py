"""A fork inside what a hub runs: a child that comes back is ended, and the parent goes on."""

import asyncio
import os
import sys

import pytest

from hardpoint.core.forks import CAME_BACK
from hardpoint.webhooks.attempts import HandlerFinished


async def code_of(children):
    async with asyncio.timeout(60):
        while not children:
            await asyncio.sleep(0.002)
        _, status = await asyncio.to_thread(os.waitpid, children[0], 0)
    return os.waitstatus_to_exitcode(status)


@pytest.fixture
def handled(hub, deliver, told):
    """How the child of a handler ended, and the attempt."""

    async def handled(children):
        async with hub:
            deliver()
            code = await code_of(children)
            async with asyncio.timeout(60):
                while not (finished := [one for one in told if isinstance(one, HandlerFinished)]):
                    await asyncio.sleep(0.002)
        return code, [one.outcome.value for one in finished]

    return handled


def returns():
    """The child comes back."""


def exits():
    sys.exit()


def fails():
    raise LookupError("in the child")


def gives_up():
    sys.exit("no more")


CODES = {returns: CAME_BACK, exits: 0, fails: CAME_BACK, gives_up: 1}


@pytest.mark.parametrize("then", CODES)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_handler_that_forks_has_one_attempt_and_one_process(
    hub, handled, capfd, then, asynchronous
):
    children, code = [], CODES[then]

    def fork():
        pid = os.fork()
        if pid:
            children.append(pid)
        else:
            then()

    async def in_the_loop(event, job):
        fork()

    def in_a_thread(event, job):
        fork()

    hub.on("shop")(in_the_loop if asynchronous else in_a_thread)
    assert asyncio.run(handled(children)) == (code, ["done"])
    assert ("the child came back" in capfd.readouterr().err) == (code == CAME_BACK)


def test_a_child_that_goes_on_with_the_hubs_event_loop_is_ended(hub, capfd):
    children = []

    async def scenario():
        async with hub:
            if pid := os.fork():
                children.append(pid)
            await asyncio.sleep(0)
            return await code_of(children)

    assert asyncio.run(scenario()) == CAME_BACK
    assert "the child came back" in capfd.readouterr().err


def test_a_child_that_does_something_else_is_left_alone(hub, forked):
    async def scenario():
        async with hub:
            return await asyncio.to_thread(forked, lambda: asyncio.run(asyncio.sleep(0, "fine")))

    assert asyncio.run(scenario()) == "fine"
