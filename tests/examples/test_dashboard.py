"""The code of the guide to the dashboard runs."""

import re
from pathlib import Path

from hardpoint import Hub

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "dashboard.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
TOML = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_configuration_and_the_code_of_the_guide_make_a_dashboard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HARDPOINT", "ANNA"):
        monkeypatch.setenv(f"{name}_DASHBOARD_TOKEN", f"{name}-0123456789-0123456789")
    first, more, people = TOML[0], TOML[1], TOML[2]
    (tmp_path / "hardpoint.toml").write_text(f"{first}\n{more}")
    (code,) = PYTHON
    made = {}
    exec(code, made)
    assert sorted(made["hub"].settings.dashboard.tokens) == ["admin", "anna"]
    assert callable(made["dashboard"])
    monkeypatch.setenv("VAULT_KEYRING", "k1:" + "A" * 43 + "=")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "hidden")
    (tmp_path / "hardpoint.toml").write_text(people)
    assert callable(Hub.load("hardpoint.toml").dashboard())
