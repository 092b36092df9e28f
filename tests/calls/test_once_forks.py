"""A function given to `once` that forks and returns twice: the child's copy writes nothing down."""

import asyncio
import os

import pytest

from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, StoreSettings
from hardpoint.store.events import ResultNotRecorded
from hardpoint.sync import Hub as BlockingHub


def fork() -> int:
    """The child's pid, or 0 in the child."""
    return os.fork()


def in_child(made: int, told: list[object]) -> None:
    """End a child: with 0 if it got what the function gave it, and told nobody of a lost record."""
    if made == 0:
        os._exit(int(any(isinstance(one, ResultNotRecorded) for one in told)))


def parents(made: int, again: int) -> None:
    _, status = os.waitpid(made, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert again == made, "the parent's result is the one that is kept"


@pytest.fixture
def settings(tmp_path):
    return Settings(store=StoreSettings(path=tmp_path / "events.db"))


def test_in_a_loop(settings):
    told: list[object] = []

    async def scenario():
        async with Hub(settings, listeners=[told.append]) as hub:
            made = await hub.once("key", fork)
            in_child(made, told)
            return made, await hub.once("key", fork)

    parents(*asyncio.run(scenario()))


def test_without_a_loop(settings):
    told: list[object] = []
    with BlockingHub(settings, listeners=[told.append]) as hub:
        made = hub.once("key", fork)
        in_child(made, told)
        parents(made, hub.once("key", fork))
