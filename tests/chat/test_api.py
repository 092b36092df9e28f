"""What the port adds to any driver: keys, searches and ids; the rest is the conformance suite's."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.chat import ChatNotifier, MemoryChat, Reaction
from hardpoint.chat.types import Post, PostPage
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError, NotFoundError, UnsupportedError
from hardpoint.runtime.blocking import BlockingRuntime, run


def port(driver):
    return ChatNotifier(driver, Connection("ops", BlockingRuntime()))


def test_ids_carry_connection_and_channel():
    chat = port(MemoryChat())
    post = run(chat.post("late"))
    assert post.id == "ops:general~m000001"
    answer = run(chat.post("still", thread=post.id))
    assert answer.id == "ops:general~m000002"
    elsewhere = run(chat.post("late", channel="other"))
    assert elsewhere.id == "ops:other~m000003"


def test_an_answer_goes_where_its_thread_is():
    driver = MemoryChat()
    chat = port(driver)
    first = run(chat.post("first", channel="other"))
    run(chat.post("second", thread=first.id))
    run(chat.post("third", channel="other", thread=first.id))
    assert [one.channel for one in driver.messages.values()] == ["other"] * 3


def test_nothing_stands_below_what_is_not_there():
    with pytest.raises(NotFoundError):
        run(port(MemoryChat()).react("ops:general~m1", Reaction.DONE))


def test_a_channel_is_needed_where_the_connection_has_none():
    driver = MemoryChat(channel=None)
    with pytest.raises(InvalidRequestError) as caught:
        run(port(driver).post("late"))
    assert caught.value.field == "channel"
    assert run(port(driver).post("late", channel="x")).channel == "x"


def test_a_post_without_an_id_stays_without_one():
    driver = MemoryChat()

    async def unnamed(new, *, idempotency_key):
        return Post(id=None, channel="", idempotency_key=new.key)

    driver.post = unnamed
    assert run(port(driver).post("late", idempotency_key="k")).id is None


def test_a_search_ends_somewhere():
    driver = MemoryChat()

    async def endless(**_):
        return PostPage(posts=(), cursor="more")

    driver.list_posts = endless
    with pytest.raises(InvalidRequestError, match="pages") as caught:
        run(port(driver).find(idempotency_key="k", since=0))
    assert caught.value.field == "since"


def test_nothing_is_looked_for_where_nothing_can_be_found():
    driver = MemoryChat(capabilities=frozenset(), idempotency=Idempotency.NONE)
    assert run(port(driver).post("late", idempotency_key="k")).id
    with pytest.raises(UnsupportedError):
        run(port(driver).find(idempotency_key="k", since=0))


def test_a_page_holds_fifty():
    driver = MemoryChat(capabilities=MemoryChat().capabilities.flags)
    chat = port(driver)
    for number in range(51):
        run(chat.post("late", idempotency_key=f"k{number}"))
    assert len(run(chat.find(idempotency_key="k0", since=0))) == 1
    assert isinstance(driver.capabilities, Capabilities)
