import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.secrets import Secret
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import DirectCalls
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore

SECRET = "a secret of the test's own"
PUBLIC_URL = "https://shop.example/files"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def settings(root):
    return Filesystem(path=root, secret=Secret.value(SECRET), public_url=PUBLIC_URL)


@pytest.fixture
def store(settings):
    driver = FilesystemStorage(DirectCalls(settings), settings)
    return BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))
