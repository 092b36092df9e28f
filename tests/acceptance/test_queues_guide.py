"""The guide to queues: its snippets run as they stand, against the fake."""

import ast
import asyncio
import inspect
import re
import threading
from pathlib import Path

from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.providers.aws.fake_lambda import FakeLambda
from hardpoint.providers.aws.fake_sqs import QUEUE, SECRET_ACCESS_KEY, FakeSqs

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "queues-and-functions.md"
TEXT = GUIDE.read_text()
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
TOML = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
STORE = '[store]\nurl = "sqlite:events.db"\n'


def test_every_snippet_runs_in_the_order_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    vendor, stop, printed = FakeSqs(), threading.Event(), []
    names = {"stop": stop, "print": lambda *shown: (printed.append(shown), stop.set())}
    path = tmp_path / "hardpoint.toml"

    async def read():
        hub = names["hub"] = Hub.load(path)
        with hub.connect() as connection:
            connection.execute("create table packed (number int)")
        connection.close()
        for number, text in enumerate(PYTHON, 1):
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
            if inspect.isawaitable(result):
                await result
        vendor.send(vendor.queues[QUEUE], {"MessageBody": '{"type": "order.placed", "order": 17}'})
        async with hub, asyncio.timeout(60):
            while vendor.queues[QUEUE] or not packed(hub):
                await asyncio.sleep(0.05)

    def packed(hub):
        with hub.connect() as connection:
            found = connection.execute("select number from packed").fetchall()
        connection.close()
        return found == [(17,)]

    with FakeServer(vendor) as server, FakeServer(FakeLambda()) as functions:
        tables = "\n".join(TOML).replace("AKIA...", "AKIAFAKE")
        address = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs"
        assert address in tables
        here = f'{server.url}{QUEUE}"\nregion = "eu-central-1'
        tables = tables.replace(address, here)
        path.write_text(
            STORE
            + tables.replace(
                'function = "pack"', f'function = "pack"\nendpoint_url = "{functions.url}"'
            )
        )
        asyncio.run(read())
    assert any(one[0] == {"order": 17} for one in printed)
    assert any(body == b'{"type": "order.placed", "order": 17}' for _, body in printed)
