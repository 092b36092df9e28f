import pytest

from hardpoint.core.errors import ConfigurationError, UnsupportedError
from hardpoint.core.secrets import Secret
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import DirectCalls
from hardpoint.providers.filesystem.serving import FileServer
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.runtime.blocking import run
from hardpoint.storage.types import PostPolicy, SignedUse

LONG = Secret.value("x" * 16)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"path": "missing"}, "path"),
        ({"secret": LONG}, "public_url"),
        ({"public_url": "https://shop.example"}, "secret"),
        ({"secret": LONG, "public_url": "http://shop.example"}, "public_url"),
        ({"secret": LONG, "public_url": "https://shop.example/?a"}, "public_url"),
        ({"secret": Secret.value("short"), "public_url": "https://shop.example"}, "secret"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, changes, key):
    path = tmp_path / changes.pop("path", ".")
    with pytest.raises(ConfigurationError) as caught:
        Filesystem(path=path, **changes)
    assert caught.value.key == key


def test_without_a_secret_nothing_is_signed_or_served(tmp_path):
    settings = Filesystem(path=tmp_path)
    driver = FilesystemStorage(DirectCalls(settings), settings)
    assert driver.capabilities.flags == frozenset()
    with pytest.raises(UnsupportedError):
        run(driver.sign_url(SignedUse(key="a"), now=0))
    with pytest.raises(UnsupportedError):
        run(driver.sign_post(PostPolicy(key="a", size_min=0, size_max=1), now=0, expires=1))
    with pytest.raises(ConfigurationError, match="public_url"):
        FileServer(settings)
