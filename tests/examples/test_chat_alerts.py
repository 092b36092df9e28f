"""One script, two vendors: only the configuration changes."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import facts_of, fake

EXAMPLE = Path(__file__).parents[2] / "examples" / "chat_alerts"
CUSTOMERS = ("Ann *Lee*", "<@everyone> GmbH")


@pytest.mark.parametrize(
    ("vendor", "configuration"), [("slack", "hardpoint.toml"), ("discord", "discord.toml")]
)
def test_a_channel_is_told_once_a_day(vendor, configuration, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(EXAMPLE, tmp_path / "alerts")
    app = fake(vendor)
    monkeypatch.setenv(f"{vendor.upper()}_BOT_TOKEN", facts_of(app).settings["bot_token"])
    spec = importlib.util.spec_from_file_location(f"chat_alerts_{vendor}", folder / "alert.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with FakeServer(app) as server:
        path = folder / configuration
        path.write_text(path.read_text().replace("http://127.0.0.1:12111", server.url))
        for _ in range(2):
            script.main(str(path), "2026-12-01", *CUSTOMERS)
        first, second = capsys.readouterr().out.split()
    assert first == second
    assert server.ledger.count("message") == 3, "the alert once, and a file from each run"
    assert server.ledger.count("reaction") == 1
    app.emitter.close()
