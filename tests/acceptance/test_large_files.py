"""A file larger than what may be in memory goes up and comes down; the event loop goes on.

`HARDPOINT_MEGABYTES` says how large, 64 by default.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
import tracemalloc

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.secrets import Secret
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.providers.aws import S3
from hardpoint.providers.aws.fake import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import ThreadedCalls
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.storage import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore

MEGABYTE = 1024 * 1024
SIZE = int(os.environ.get("HARDPOINT_MEGABYTES", "64")) * MEGABYTE
MEMORY_MAX = 14 * MEGABYTE  # of what goes up one piece of eight is
DOWNLOAD_MEMORY_MAX = 4 * MEGABYTE  # of what comes no more than a few reads are in memory
PATIENT = Limits(timeout=10 + SIZE / (16 * MEGABYTE))  # the fake puts all pieces together at once
PAUSE_SECONDS_MAX = 1.0

SERVER = """
import sys
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.aws.fake import FakeS3
with FakeServer(FakeS3()) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def s3():
    """The vendor in a process of its own, whose memory is not counted."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield S3(
        bucket=BUCKET,
        region=REGION,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=Secret.value(SECRET_ACCESS_KEY),
        endpoint_url=process.stdout.readline().strip(),
    )
    process.communicate()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    block = os.urandom(MEGABYTE)
    with path.open("wb") as file:
        for _ in range(SIZE // MEGABYTE):
            file.write(block)
    return path


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def there_and_back(store, source, target):
    """Its longest pause, in seconds, and the peak of memory, in bytes."""
    longest, last = 0.0, time.monotonic()

    async def beat():
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.002)
            before, last = last, time.monotonic()
            longest = max(longest, last - before)

    heart = asyncio.create_task(beat())
    tracemalloc.start()
    try:
        await store.upload("big", source)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        info = await store.download("big", target)
        _, down = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        heart.cancel()
    assert info.size == SIZE
    assert down < DOWNLOAD_MEMORY_MAX
    return longest, peak


def test_over_http(s3, source, tmp_path):
    async def scenario():
        async with AsyncTransport(PATIENT) as transport:
            store = ObjectStore(S3Storage(transport, s3), Connection("files", AsyncRuntime()))
            return await there_and_back(store, source, tmp_path / "target")

    pause, peak = asyncio.run(scenario())
    assert digest(tmp_path / "target") == digest(source)
    assert peak < MEMORY_MAX
    assert pause < PAUSE_SECONDS_MAX


def test_over_http_without_an_event_loop(s3, source, tmp_path):
    with BlockingTransport(PATIENT) as transport:
        connection = Connection("files", BlockingRuntime())
        store = BlockingStore(ObjectStore(S3Storage(transport, s3), connection))
        tracemalloc.start()
        try:
            store.upload("big", source)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            store.download("big", tmp_path / "target")
            _, down = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert down < DOWNLOAD_MEMORY_MAX
    assert digest(tmp_path / "target") == digest(source)
    assert peak < MEMORY_MAX


def test_in_a_folder(source, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    settings = Filesystem(path=root)
    driver = FilesystemStorage(ThreadedCalls(settings), settings)
    store = ObjectStore(driver, Connection("files", AsyncRuntime()))
    pause, peak = asyncio.run(there_and_back(store, source, tmp_path / "target"))
    assert digest(tmp_path / "target") == digest(source)
    assert peak < MEMORY_MAX / 4
    assert pause < PAUSE_SECONDS_MAX
