"""The guide to email runs as it stands, in the order of its blocks, and its group sends."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint.email import SuppressedError
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.providers.smtp.fake_server import FakeSmtp

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "send-email.md"
TEXT = GUIDE.read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
TOML = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_every_block_runs(tmp_path, monkeypatch):
    async def scenario():
        async with Hub(Settings.load(path)) as hub:
            names = {"mail": hub.email("sendgrid"), "relay": hub.email("relay")}
            for block in BLOCKS:
                compiled = compile(block, GUIDE.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                result = eval(compiled, names)
                if inspect.isawaitable(result):
                    await result
            sent = await hub.email("mail").send(to="a@b.example", subject="s", text="t")
            assert sent.id.startswith("sendgrid:")
            vendor.carry(sent.id.partition(":")[2], "a@b.example", "spamreport")
            await names["heed"](vendor.emitter.pending()[-1].body)
            with pytest.raises(SuppressedError):
                await hub.email("mail").send(to="a@b.example", subject="s", text="t")

    vendor = FakeSendGrid(delivers=False)
    with FakeServer(vendor) as server, FakeSmtp() as relay:
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.fake")
        monkeypatch.setenv("SMTP_URL", relay.url)
        path = tmp_path / "hardpoint.toml"
        own = TOML[0] + f'base_url = "{server.url}"\n'
        path.write_text("\n".join(['[store]\nurl = "sqlite:store.db"\n', own, *TOML[1:]]))
        asyncio.run(scenario())
    vendor.emitter.close()
    assert len(BLOCKS) == 5
    mails = list(vendor.mails.values())
    assert len(mails) == 4
    assert mails[0].categories == ("orders",)
    assert mails[1].headers == {
        "List-Unsubscribe": "<https://shop.example/out?t=9f2c>, <mailto:out@shop.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert mails[2].data["bob@customer.example"] == {"month": "March", "name": "Bob"}
    kinds = [one["content-type"] for one in relay.mails[0].parsed.walk()]
    assert kinds[-1].startswith("text/calendar")
    assert kinds[-1].params["method"] == "REQUEST"
