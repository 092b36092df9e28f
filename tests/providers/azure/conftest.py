"""Azure's own emulator, which recomputes every signature, and its own library beside ours."""

import contextlib
import re
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from hardpoint.calls.connection import Connection
from hardpoint.core.secrets import Secret
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.azure import AzureBlob
from hardpoint.providers.azure.storage import AzureStorage
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore

AZURITE = Path(__file__).parents[2] / "acceptance" / "azurite" / "node_modules" / "azurite"
ACCOUNT = "devstoreaccount1"
# The emulator's, which every copy of it has.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def emulator(folder, *options):
    """Start it; what is missing is a failure with its name, never a reason to skip."""
    node, main = shutil.which("node"), AZURITE / "dist" / "src" / "blob" / "main.js"
    if node is None or not main.is_file():
        raise FileNotFoundError("Azurite is not installed: run `make test`, which needs node")
    log = folder / "log"
    command = [node, main, "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    command += [
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--extentMemoryLimit",
        "512",
        *options,
    ]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"listens on (https?://[\d.:]+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    """Its address, with the account's path."""
    with emulator(tmp_path_factory.mktemp("azurite")) as url:
        yield f"{url}/{ACCOUNT}"


@pytest.fixture
def service(azurite):
    """The vendor's own client."""
    with BlobServiceClient(azurite, credential=KEY, retry_total=0) as client:
        yield client


@pytest.fixture
def official(service):
    """Its client for a new container."""
    container = service.create_container(f"shop-{uuid.uuid4().hex}")
    yield container
    container.delete_container()


@pytest.fixture
def settings(azurite, official):
    """Makes settings for the container, by the account's key unless something else is said."""

    def make(**changes):
        facts = {
            "account": ACCOUNT,
            "container": official.container_name,
            "account_key": Secret.value(KEY),
            "endpoint_url": azurite,
        }
        return AzureBlob(**facts | changes)

    return make


@pytest.fixture
def transport():
    with BlockingTransport() as transport:
        yield transport


@pytest.fixture
def store(settings, transport):
    """Makes a store over the container."""

    def make(**changes):
        driver = AzureStorage(transport, settings(**changes))
        return BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))

    return make
