"""The guide to storing files: its snippets run as they stand, in a folder and in S3."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint import AlreadyExistsError
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.providers.aws import fake
from hardpoint.storage import StorageCapability

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "store-files.md"
TEXT = GUIDE.read_text()
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
FOLDER, S3, *_ = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
SIGNS = 'secret = "env:FILES_SECRET"\npublic_url = "https://shop.example/files"\n'
STORE = '[store]\nurl = "sqlite:events.db"\n'


@pytest.fixture
def configuration(request, tmp_path, monkeypatch):
    monkeypatch.setenv("FILES_SECRET", "a secret of the test's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", fake.SECRET_ACCESS_KEY)
    (tmp_path / "files").mkdir()
    path = tmp_path / "hardpoint.toml"
    with FakeServer(fake.FakeS3()) as server:
        table = {
            "folder": FOLDER + SIGNS,
            "S3": S3.replace("shop-files", fake.BUCKET).replace("AKIA...", fake.ACCESS_KEY_ID)
            + f'endpoint_url = "{server.url}"\n',
        }[request.param]
        path.write_text(STORE + table)
        yield path


@pytest.mark.parametrize("configuration", ["folder", "S3"], indirect=True)
def test_every_snippet_runs_in_the_order_of_the_page(configuration, tmp_path):
    source = tmp_path / "shop.db"
    source.write_bytes(b"x" * 10_000_000)
    names = {
        "AlreadyExistsError": AlreadyExistsError,
        "StorageCapability": StorageCapability,
        "path": source,
        "copy": tmp_path / "copy.db",
    }

    async def read():
        hub = Hub.load(configuration)
        names["files"] = hub.storage("files")
        for number, text in enumerate(PYTHON, 1):
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
            if inspect.isawaitable(result):
                await result
        await hub.stop()

    asyncio.run(read())
    assert (tmp_path / "copy.db").read_bytes() == source.read_bytes()
    assert len(PYTHON) >= 5


def test_every_link_of_the_page_leads_somewhere():
    for target in re.findall(r"\]\((\.\.?/[^)]+)\)", TEXT):
        assert (GUIDE.parent / target).resolve().exists(), target
