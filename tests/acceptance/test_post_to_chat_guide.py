"""The guide to chats runs as it stands, in the order of its blocks, with each vendor's fake."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.chat import ChatNotifier
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import fake
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.testing.conformance.served import driver_of

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "post-to-chat.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
PERSON = "53908232506183680"


@pytest.mark.parametrize(("vendor", "person"), [("slack", "U0ANNLEE01"), ("discord", PERSON)])
def test_every_block_runs(vendor, person):
    async def scenario(url):
        transport = AsyncTransport()
        driver = driver_of(app, transport, url)
        names = {"chat": ChatNotifier(driver, Connection("ops", AsyncRuntime()))}
        for block in BLOCKS:
            source = block.replace(PERSON, person)
            compiled = compile(source, GUIDE.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(compiled, names)
            if inspect.isawaitable(result):
                await result
        await transport.close()

    app = fake(vendor)
    with FakeServer(app) as server:
        asyncio.run(scenario(server.url))
    assert len(BLOCKS) == 3
    assert app.ledger.count("message") == 6
    assert app.ledger.count("delete") == 1
    app.emitter.close()
