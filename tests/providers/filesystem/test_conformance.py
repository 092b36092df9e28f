"""A local folder, held to what every driver of storage must do, in both modes."""

import pytest

from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

PAGE = 4


class Counted:
    """A shell that counts what goes through it."""

    def __init__(self, calls):
        self._calls = calls
        self.count = 0

    async def do(self, work):
        self.count += 1
        return await self._calls.do(work)


class TestFilesystem(StorageConformance):
    signs = ()

    @pytest.fixture
    def subject(self, request, mode, tmp_path):
        root, own = tmp_path / "root", tmp_path / "own"
        root.mkdir()
        own.mkdir()
        settings = Filesystem(path=root, **dict(self.signs))
        shells = provider("filesystem").effects["storage"]
        shell = load(shells[list(MODES).index(request.node.callspec.params["mode"])])
        calls = Counted(shell(settings))
        return StorageSubject(
            mode,
            FilesystemStorage(calls, settings, page=PAGE),
            requests=lambda: calls.count,
            folder=own,
            page=PAGE,
            unfinished=lambda: len(list((root / ".hardpoint" / "parts").iterdir())),
        )


class TestFilesystemThatSigns(TestFilesystem):
    signs = (
        ("secret", Secret.value("a secret of the test's")),
        ("public_url", "https://shop.example/files"),
    )
