"""The code of the guide to the dashboard runs."""

import re
from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "dashboard.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
TOML = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_configuration_and_the_code_of_the_guide_make_a_dashboard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HARDPOINT", "ANNA"):
        monkeypatch.setenv(f"{name}_DASHBOARD_TOKEN", f"{name}-0123456789-0123456789")
    (tmp_path / "hardpoint.toml").write_text("\n".join(TOML))
    (code,) = PYTHON
    made = {}
    exec(code, made)
    assert sorted(made["hub"].settings.dashboard.tokens) == ["admin", "anna"]
    assert callable(made["dashboard"])
