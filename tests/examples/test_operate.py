"""The page on operating it: each of its blocks runs."""

import re
from pathlib import Path

import pytest

from hardpoint.testing import FakeRest, FakeServer

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "operate.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
[connections.crm]
provider = "rest"
base_url = "{url}"
key = "env:CRM_KEY"
"""


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_of_the_page_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK", "whsec_one")
    monkeypatch.setenv("CRM_KEY", "sk_crm_123456")
    with FakeServer(FakeRest()) as vendor:
        vendor.app.on("GET /deals/7", {"id": 7})
        Path("hardpoint.toml").write_text(CONFIGURATION.format(url=vendor.url))
        exec(compile(BLOCKS[number], "operate.md", "exec"), {"__name__": "operate"})
        sent = [one.headers["x-request-id"] for one in vendor.app.received]
    assert sent == (["order-1001"] if "/deals/7" in BLOCKS[number] else [])
