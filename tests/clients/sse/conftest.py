"""The API of REST's tests, and a stream of events at it."""

import contextlib

import pytest
from tests.clients.rest.conftest import Api

from hardpoint.clients.rest.fake import FakeRest
from hardpoint.fakes.server import FakeServer
from hardpoint.runtime.blocking import BlockingRuntime, step


class Streaming(Api):
    """Follows `/stream`."""

    def follow(self, take, path="/stream", *, client=None, **options):
        """What `take` says, a function of the iterator's next event, in either mode."""
        events = (client or self.client(attempts=1)).events(path, **options)
        if hasattr(events, "__aenter__"):

            async def asynchronous():
                async with events as opened:
                    return await take(lambda: anext(aiter(opened)), opened)

            return self.do(asynchronous())
        with events as opened:

            async def following():
                return next(items)

            items = iter(opened)
            return step(take(following, opened))

    def run(self, coroutine):
        """What it gives; where nothing suspends without a loop."""
        return (
            step(coroutine)
            if isinstance(self.mode.runtime, BlockingRuntime)
            else self.do(coroutine)
        )

    def fails_with(self, kind, **options):
        """Following raises so, sooner or later."""
        with contextlib.ExitStack() as stack:
            caught = stack.enter_context(pytest.raises(kind))

            async def all_there_is(following, opened):
                while True:
                    await following()

            self.follow(all_there_is, **options)
        return caught.value


@pytest.fixture
def api(mode):
    with FakeServer(FakeRest()) as server:
        yield Streaming(mode, server)


@pytest.fixture
def feed(api):
    return api.fake.events("/stream")
