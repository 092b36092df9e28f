from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardpoint.core import providers


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Installs a provider of the name given, whose module has the source given."""
    monkeypatch.syspath_prepend(tmp_path)

    def install_one(name: str, source: str) -> str:
        (tmp_path / f"hardpoint_{name}.py").write_text(source)
        information = tmp_path / f"hardpoint_{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: hardpoint-{name}\nVersion: 1.0\n"
        )
        (information / "entry_points.txt").write_text(
            f"[hardpoint.providers]\n{name} = hardpoint_{name}\n"
        )
        providers._locations.cache_clear()
        return name

    yield install_one
    providers._locations.cache_clear()


@pytest.fixture
def mute_provider(install: Callable[[str, str], str]) -> str:
    """An installed provider with neither webhooks nor samples."""
    return install(
        "mute",
        "from hardpoint.core.providers import Provider\n"
        "PROVIDER = Provider(name='mute', title='Mute')\n",
    )
