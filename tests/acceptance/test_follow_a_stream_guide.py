"""The guide to following a stream runs as it stands, on fakes."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint import Hub
from hardpoint.fakes.server import FakeServer
from hardpoint.testing import FakeRest, FakeWebSocket

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


@pytest.fixture
def sockets():
    with FakeServer(FakeWebSocket()) as running:

        def heard(socket, message):
            if "subscribe" in message:
                socket.send('{"id": 1}')
                socket.send('{"id": 2}')

        running.app.on(heard)
        yield running


def test_every_snippet_of_the_guide_runs_in_its_order(tmp_path, monkeypatch, server, sockets):
    monkeypatch.setenv("CRM_KEY", "k-1")
    monkeypatch.setenv("FEED_KEY", "k-2")
    path = tmp_path / "hardpoint.toml"
    text = "".join(TOML).replace("https://api.crm.example/v2", server.url)
    path.write_text(text.replace("wss://feed.example", sockets.url.replace("http", "ws")))
    names = {}

    async def read():
        async with Hub.load(path) as hub:
            names.update(hub=hub, crm=hub.rest("crm"), feed=hub.websocket("feed"))
            for number, text in enumerate(PYTHON, 1):
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
                if inspect.isawaitable(result):
                    await result

    asyncio.run(read())
    assert names["seen"] == [("won", {"id": 7}), ("closed", {})]
    assert (names["last"], server.app.feed.asked) == ("42", ["", "41"])
    assert names["orders"] == [1, 2]
    assert sockets.app.received == ['{"subscribe": "orders", "after": null}', '{"thanks": true}']
    assert sockets.app.opened[0].request.target == "/v1/orders"
    assert sockets.app.opened[0].request.headers["authorization"] == "Bearer k-2"
