"""The guide to following a stream runs as it stands, on fakes."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint import Hub
from hardpoint.fakes.server import FakeServer
from hardpoint.testing import FakeRest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "follow-a-stream.md").read_text()
PYTHON = [
    one for one in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def test_" not in one
]
TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def server():
    with FakeServer(FakeRest()) as running:
        feed = running.app.events("/deals/stream")
        feed.send('{"id": 7}', event="won", id="41")
        feed.send("{}", event="closed", id="42")
        running.app.feed = feed
        yield running


def test_every_snippet_of_the_guide_runs_in_its_order(tmp_path, monkeypatch, server):
    monkeypatch.setenv("CRM_KEY", "k-1")
    path = tmp_path / "hardpoint.toml"
    path.write_text("".join(TOML).replace("https://api.crm.example/v2", server.url))
    names = {}

    async def read():
        async with Hub.load(path) as hub:
            names.update(hub=hub, crm=hub.rest("crm"))
            for number, text in enumerate(PYTHON, 1):
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
                if inspect.isawaitable(result):
                    await result

    asyncio.run(read())
    assert names["seen"] == [("won", {"id": 7}), ("closed", {})]
    assert (names["last"], server.app.feed.asked) == ("42", ["", "41"])
