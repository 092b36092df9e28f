"""What processes know of each other: what each does, whom it knows, and what they are asked."""

import asyncio
from uuid import UUID

import pytest
from tests.store.postgres.test_processes import crew  # noqa: F401 - the fixture

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.events import HandlersDiffer
from hardpoint.store.guests import Rank
from hardpoint.store.postgres.processes import (
    Duties,
    Member,
    ask_to_reload,
    duties_of,
    strangers,
)


class Hand:
    """A crew that notes when it is to read its configuration again."""

    def __init__(self, *handlers, rank=Rank.WORKER, public="", home=None):
        self.handlers, self.rank, self.public, self.home = handlers, rank, public, home
        self.reloads = 0

    def known(self):
        return self.handlers

    def reload(self):
        self.reloads += 1


def member(number, **facts):
    return Member(id=UUID(int=number), host="web1", pid=number, **facts)


@pytest.mark.parametrize(
    ("rank", "public", "receives", "works"),
    [
        (Rank.FRONT, "", True, False),
        (Rank.WORKER, "", True, True),
        (Rank.SERVER, "http://127.0.0.1:8000", True, True),
        (Rank.SERVER, "", False, True),
    ],
)
def test_what_a_process_does_follows_from_what_it_is(rank, public, receives, works):
    loop = object()
    hand = Hand("mail", rank=rank, public=public, home=loop)
    assert duties_of(hand) == Duties(receives=receives, works=works, handlers=("mail",))


def test_who_only_brings_orders_does_nothing_itself():
    idle = Duties(receives=False, works=False, handlers=())
    assert duties_of(None) == duties_of(Hand("mail")) == idle


def test_who_receives_and_who_works_have_to_know_the_same():
    web = member(1, receives=True, works=False, handlers=["mail", "old"])
    one = member(2, receives=False, works=True, handlers=["mail"])
    other = member(3, receives=False, works=True, handlers=["book"])
    assert [*strangers([web, one, other])] == [
        (web, "web1:1 receives for old, which no process that works has loaded"),
        (web, "web1:1 has not loaded book: it gets nothing that is received there"),
    ]
    assert [*strangers([web])] == []  # until a worker has come there is nothing to compare with


def test_what_differs_is_told_once_and_when_it_changes(crew):  # noqa: F811 - the fixture
    heard = crew.stage.heard

    async def story(crew):
        loop = asyncio.get_running_loop()
        web, worker = crew.stores
        web.crew = Hand("mail", rank=Rank.FRONT, home=loop)
        worker.crew = Hand("mail", "book", rank=Rank.SERVER, home=loop)
        await crew.beat(1)
        await crew.beat(0, times=2)
        (reason,) = web.strangers
        assert "has not loaded book" in reason
        assert worker.strangers == []
        web.crew = Hand("mail", "book", rank=Rank.FRONT, home=loop)
        await crew.beat(0)
        assert web.strangers == []

    crew(story)
    assert len(heard(HandlersDiffer)) == 1


def test_a_store_that_is_closed_knows_of_no_difference(pg):
    assert pg.build().strangers == ()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_all_that_receive_or_work_are_asked_to_reload_and_the_rest_is_not(crew):  # noqa: F811
    async def story(crew):
        hand = Hand(rank=Rank.WORKER, home=asyncio.get_running_loop())
        assert await asyncio.to_thread(ask_to_reload, crew.stage.url, 60.0) is None
        crew.stores[0].crew = hand
        await crew.beat(0, 1)
        # A notice without a request, and one with it.
        crew.stage.database.beside.execute("notify hardpoint_work, 'reload'")
        assert await asyncio.to_thread(ask_to_reload, crew.stage.url, 60.0) == 1
        await until(lambda: hand.reloads == 1)
        await crew.beat(0, 1)
        assert hand.reloads == 1
        # Who missed the notice finds the request.
        crew.stage.database.beside.execute("update hardpoint.process set reload_at = 7")
        await crew.beat(0, 1)
        await until(lambda: hand.reloads == 2)

    crew(story)


def test_where_there_are_no_tables_of_this_version_nobody_is_asked(pg, postgres_server, tmp_path):
    assert ask_to_reload(postgres_server.format("postgres"), 60.0) is None
    with pytest.raises(StoreUnavailableError, match="cannot be told"):
        ask_to_reload(f"postgresql:///x?host={tmp_path}", 60.0)
