import logging
from contextlib import asynccontextmanager
from functools import partial

import pytest
from moto.server import ThreadedMotoServer

from hardpoint.calls.connection import Connection
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import StreamedResponse
from hardpoint.providers.aws.fake import FakeS3
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.served import settings_of


@pytest.fixture
def vendor():
    return FakeS3()


@pytest.fixture
def server(vendor):
    with FakeServer(vendor) as server:
        yield server


@pytest.fixture
def settings(vendor, server):
    return partial(settings_of, vendor, endpoint_url=server.url)


@pytest.fixture
def transport():
    with BlockingTransport() as transport:
        yield transport


@pytest.fixture
def store(settings, transport):
    """Makes a store over the fake, on one attempt unless a policy is given."""

    def make(policy=None, **changes):
        options = {} if policy is None else {"policy": policy}
        connection = Connection("files", BlockingRuntime(), **options)
        return BlockingStore(ObjectStore(S3Storage(transport, settings(**changes)), connection))

    return make


class Scripted:
    """A transport that answers what it is told to, and keeps what it was asked."""

    def __init__(self, *replies):
        self._replies = list(replies)
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        return self._replies.pop(0)

    @asynccontextmanager
    async def stream(self, request, **options):
        reply = await self.send(request)

        async def pieces():
            yield reply.body

        yield StreamedResponse(reply.status, reply.headers, pieces())


@pytest.fixture
def scripted(settings):
    def make(*replies):
        transport = Scripted(*replies)
        driver = S3Storage(transport, settings())
        return driver, transport, run

    return make


@pytest.fixture(scope="session")
def moto_url():
    """A moto server for all tests of this process; it says something with every request."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
