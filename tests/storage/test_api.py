"""What the port does between its driver and its caller, beyond what every driver's suite shows."""

import asyncio
import io

import pytest

from hardpoint import Policy, Retry, constant
from hardpoint.calls.connection import Connection
from hardpoint.core.errors import (
    InvalidRequestError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.storage import ObjectStore
from hardpoint.storage.keys import MARK
from hardpoint.storage.memory import MemoryStorage
from hardpoint.storage.types import Piece

PIECE = 16


class Wrapped:
    """The memory driver, with calls of its own in place of some."""

    def __init__(self, **calls):
        self.inner = MemoryStorage(piece_bytes=PIECE)
        self.calls = calls
        self.asked = []

    def __getattr__(self, name):
        real = getattr(self.inner, name)
        if not callable(real):
            return real

        async def call(*args, **options):
            self.asked.append(name)
            if name in self.calls:
                return await self.calls[name](real, *args, **options)
            return await real(*args, **options)

        return call


def blocking(driver, **options):
    return ObjectStore(driver, Connection("files", BlockingRuntime(), **options))


def twice():
    return Policy("twice", timeout=5, retry=Retry(2, backoff=constant(0)))


def test_an_answer_that_is_cut_short_is_no_object(tmp_path):
    async def short(real, *args, **options):
        piece = await real(*args, **options)
        return Piece(info=piece.info, data=piece.data[:-1])

    async def cut(real, *args, take, **options):
        async def short_take(data):
            await take(data[:-1])

        return await real(*args, take=short_take, **options)

    store = blocking(Wrapped(read=short, download=cut))
    run(store.put("a", b"hello"))
    with pytest.raises(UnexpectedResponseError, match="4 bytes came from 0 on, of 5"):
        run(store.get("a"))
    with pytest.raises(UnexpectedResponseError):
        run(store.download("a", tmp_path / "a"))
    assert list(tmp_path.iterdir()) == []


def test_a_plain_write_carries_no_mark_and_a_conditional_one_tells_none():
    driver = Wrapped()
    store = blocking(driver)
    run(store.put("a", b""))
    assert run(driver.inner.head("a")).metadata == {}
    stored = run(store.put("b", b"", if_absent=True))
    assert list(run(driver.inner.head("b")).metadata) == [MARK]
    assert stored.metadata == run(store.head("b")).metadata == run(store.get("b")).info.metadata
    assert stored.metadata == {}


def test_the_answer_to_a_first_write_that_was_lost_is_found():
    lost = []

    async def losing(real, new, data):
        info = await real(new, data)
        if not lost:
            lost.append(True)
            raise OutcomeUnknownError
        return info

    store = blocking(Wrapped(put=losing), policy=twice())
    info = run(store.put("a", b"hello", if_absent=True, metadata={"x": "y"}))
    assert (info.size, info.metadata) == (5, {"x": "y"})


def test_more_pieces_than_the_provider_takes_are_refused_and_forgotten():
    driver = Wrapped()
    driver.inner.capabilities.limits["pieces"] = 2
    with pytest.raises(InvalidRequestError, match="more than 32 bytes") as caught:
        run(blocking(driver).upload("a", io.BytesIO(bytes(2 * PIECE + 1))))
    assert caught.value.field == "source"
    assert driver.inner.unfinished == ()


def test_an_abort_that_fails_does_not_hide_why():
    async def denied(real, *args, **options):
        raise PermissionDeniedError

    async def down(real, *args, **options):
        raise OutcomeUnknownError

    driver = Wrapped(finish_upload=denied, abort_upload=down)
    with pytest.raises(PermissionDeniedError):
        run(blocking(driver).put("a", bytes(2 * PIECE)))
    assert driver.asked[-1] == "abort_upload"


def test_a_caller_who_gives_up_leaves_nothing(tmp_path):
    entered = asyncio.Event()

    async def hanging(real, *args, **options):
        entered.set()
        await asyncio.Event().wait()

    driver = Wrapped(upload_piece=hanging)
    path = tmp_path / "big"
    path.write_bytes(bytes(3 * PIECE))

    async def scenario():
        store = ObjectStore(driver, Connection("files", AsyncRuntime()))
        task = asyncio.create_task(store.upload("a", path))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await store.exists("a")

    asyncio.run(scenario())
    assert driver.inner.unfinished == ()


def test_a_caller_who_is_gone_for_good_is_not_waited_for():
    """A coroutine that is closed may not wait any more; the provider clears its pieces away."""

    class Never:
        def __await__(self):
            yield self

    async def hanging(real, *args, **options):
        await Never()

    driver = Wrapped(upload_piece=hanging)
    call = ObjectStore(driver, Connection("files", AsyncRuntime())).put("a", bytes(2 * PIECE))
    call.send(None)
    call.close()
    assert "abort_upload" not in driver.asked


def test_a_download_that_is_given_up_leaves_the_old_file(tmp_path):
    entered = asyncio.Event()
    target = tmp_path / "a"
    target.write_bytes(b"old")

    async def hanging(real, *args, start, **options):
        if start:
            entered.set()
            await asyncio.Event().wait()
        return await real(*args, start=start, **options)

    async def scenario():
        store = ObjectStore(Wrapped(download=hanging), Connection("files", AsyncRuntime()))
        await store.put("a", bytes(2 * PIECE))
        task = asyncio.create_task(store.download("a", target))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_view_of_other_items_is_stored_as_its_bytes():
    store = blocking(Wrapped())
    run(store.put("a", memoryview(bytes(8)).cast("I")))
    assert run(store.get("a")).data == bytes(8)


def test_a_list_that_is_left_reads_no_further_page():
    driver = Wrapped()
    driver.inner._page = 1
    store = blocking(driver)
    for key in "abc":
        run(store.put(key, b""))

    async def first():
        async for entry in store.list():
            return entry.key
        return None

    assert run(first()) == "a"
    assert driver.asked.count("list_page") == 1


@pytest.mark.parametrize("expires", [1.5, 60.0, True, 0, "60"])
def test_what_is_signed_lasts_a_whole_number_of_seconds(expires):
    store = blocking(MemoryStorage())
    with pytest.raises(InvalidRequestError) as refused:
        run(store.sign_url("a", expires=expires))
    assert refused.value.field == "expires"
    with pytest.raises(InvalidRequestError):
        run(store.sign_post("a", size_max=1, expires=expires))
    assert run(store.sign_url("a", expires=1))
