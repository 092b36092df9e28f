"""The guide to asking a GraphQL API runs as it stands, on a fake."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint import Hub
from hardpoint.fakes.server import FakeServer
from hardpoint.testing import FakeGraphQL

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "ask-graphql.md").read_text()
PYTHON = [
    one for one in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def test_" not in one
]
[TOML] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def orders(asked):
    first = "after" not in asked.variables
    nodes = [{"id": 1}, {"id": 2}] if first else [{"id": 3}]
    return {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": first, "endCursor": "a"}}}


def changed(feed, variables):
    after = variables.get("after") or 0
    for number in range(after + 1, after + 3):
        feed.send({"order": {"id": number}})
    if not after:
        feed.drop()


@pytest.fixture
def server():
    with FakeServer(FakeGraphQL()) as running:
        api = running.app
        api.on("Product", {"product": {"id": "7", "title": "Roof"}})
        api.on("Broken", {"product": {"id": 13}}, errors=[{"message": "no title"}])
        api.on("Refund", {"refund": {"id": "r-1"}})
        api.on("Orders", orders)
        api.subscription("Changed", changed)
        yield running


def test_every_snippet_of_the_guide_runs_in_its_order(tmp_path, monkeypatch, server, capsys):
    monkeypatch.setenv("SHOP_KEY", "k-1")
    path = tmp_path / "hardpoint.toml"
    path.write_text(TOML.replace("https://shop.example/admin/api", server.url))
    names = {}

    async def read():
        async with Hub.load(path) as hub:
            names.update(hub=hub, shop=hub.graphql("shop"))
            for number, text in enumerate(PYTHON, 1):
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
                if inspect.isawaitable(result):
                    await result

    asyncio.run(read())
    assert (len(PYTHON), names["ids"], names["changed"]) == (5, [1, 2, 3], [1, 2, 3])
    assert names["found"].product.title == "Roof"
    [refund] = [one for one in server.app.asked if one.kind == "mutation"]
    assert refund.variables["input"] == {"order": "1001", "clientMutationId": "refund-1001"}
    assert capsys.readouterr().out.startswith("no title () {'product': {'id': 13}}")


def test_every_link_of_the_page_leads_somewhere():
    for target in re.findall(r"\]\((\.?\.?/?[\w/.-]+)(?:#[\w-]+)?\)", GUIDE):
        assert (ROOT / "docs" / "guides" / target).resolve().exists(), target
