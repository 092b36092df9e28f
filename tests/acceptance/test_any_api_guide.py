"""The guide to calling any API, and the README's ten lines: both run as they stand, on a fake."""

import ast
import asyncio
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import hardpoint.clients
from hardpoint import Hub
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.settings import Settings
from hardpoint.testing import FakeRest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "call-any-api.md").read_text()
README = (ROOT / "README.md").read_text()
PYTHON = [
    one for one in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def test_" not in one
]
TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
ADDRESS = "https://api.crm.example"


@dataclass
class Deal:
    id: int
    name: str


DEALS = [{"id": number, "name": f"Deal {number}"} for number in range(30)]


def listed(request):
    at = int(dict(request.query()).get("after", "0"))
    return {"data": DEALS[at : at + 20], "meta": {"next": 20 if at == 0 else None}}


def linked(request):
    if dict(request.query()).get("page") == "2":
        return DEALS[20:]
    return FakeReply.json(DEALS[:20], 200, ("link", '</v2/deals?page=2>; rel="next"'))


def prices(request):
    if request.headers.get("if-none-match") == '"p1"':
        return FakeReply(status=304)
    return FakeReply.json({"roof": 7}, 200, ("etag", '"p1"'))


@pytest.fixture
def server():
    with FakeServer(FakeRest()) as running:
        api = running.app
        api.on("GET /v2/deals/7", DEALS[7])
        api.on("POST /v2/deals", {"id": 31, "name": "Roof"})
        api.on("PATCH /v2/deals/31", {})
        api.on("PUT /v2/deals/7", {}, status=412)
        api.on("GET /v2/deals", linked)
        api.on("GET /v2/deals/all", listed)
        api.on("GET /v2/export.csv", lambda _: FakeReply(body=b"a,b\n" * 100_000))
        api.on("GET /v2/prices", prices)
        yield running


@pytest.fixture
def load(tmp_path, monkeypatch, server):
    monkeypatch.setenv("CRM_KEY", "k-1")
    monkeypatch.setenv("EXCHANGE_SECRET", "k-2")

    def loaded(table):
        path = tmp_path / "hardpoint.toml"
        path.write_text(table.replace(ADDRESS, server.url))
        return path

    return loaded


def run(path, blocks, names):
    async def read():
        async with Hub.load(path) as hub:
            names.update(hub=hub, crm=hub.rest("crm"))
            for number, text in enumerate(blocks, 1):
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(text, f"snippet {number}", "exec", flags=flags), names)
                if inspect.isawaitable(result):
                    await result

    asyncio.run(read())


def test_every_snippet_of_the_guide_runs_in_its_order(load, server):
    names = {}
    run(load(TOML[0]), PYTHON, names)
    assert len(PYTHON) == 4
    assert names["names"] == [one["name"] for one in DEALS]
    assert names["size"] == 400_000
    keys = {one.headers.get("idempotency-key") for one in server.app.received}
    assert "order-7" in keys


@pytest.mark.parametrize("table", TOML[1:])
def test_every_other_configuration_of_the_guide_is_one(load, table):
    own = TOML[0] if "auth" not in table else "\n".join(TOML[0].splitlines()[:3])
    assert "crm" in Settings.load(load(f"{own}\n{table}")).connections


def test_the_ten_lines_of_the_readme_run(load, server, capsys):
    [table] = re.findall(r"```toml\n(\[connections\.crm\].*?)```", README, re.DOTALL)
    [code] = re.findall(r"```python\n(crm = .*?)```", README, re.DOTALL)
    run(load(table), [code], {"Deal": Deal, "link": hardpoint.clients.link})
    assert capsys.readouterr().out.splitlines() == [one["name"] for one in DEALS]
    assert len([one for one in (table + code).splitlines() if one]) <= 11


def test_every_link_of_the_page_leads_somewhere():
    for target in re.findall(r"\]\((\.?\.?/?[\w/.-]+\.md)\)", GUIDE):
        assert (ROOT / "docs" / "guides" / target).resolve().exists(), target
