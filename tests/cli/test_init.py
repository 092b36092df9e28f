from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.providers import provider, provider_names
from hardpoint.hub.settings import Settings

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET", raising=False)


def test_configuration_and_app_are_written_with_what_to_type_next(cli: Cli, folder: Path) -> None:
    run = cli("init")
    assert run.code == 0
    assert run.out == "create   hardpoint.toml\ncreate   shop.py\n"
    assert "Not set yet: STRIPE_WEBHOOK_SECRET\n" in run.err
    assert "  hardpoint serve shop:hub &\n" in run.err
    assert "  hardpoint trigger stripe payment_intent.succeeded" in run.err
    compile((folder / "shop.py").read_text(), "shop.py", "exec")


@pytest.mark.parametrize(
    "name", [name for name in provider_names() if provider(name).starter is not None]
)
def test_every_starter_is_a_configuration_that_loads(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = cli("init", "app", "--provider", name, "--json")
    for missing in run.data["environment_missing"]:
        url = "smtp://user:password@mail.example:587"
        value = url if missing.endswith("_URL") else "whsec_anything_while_you_try"
        monkeypatch.setenv(missing, value)
    settings = Settings.load("app/hardpoint.toml")
    used = [*settings.webhooks.values(), *settings.connections.values()]
    assert {one.provider for one in used} == {name}


def test_one_starter_is_the_first_whoever_else_has_one() -> None:
    manifests = [provider(name) for name in provider_names()]
    assert [one.name for one in manifests if one.first_starter] == ["stripe"]
    assert len([one for one in manifests if one.starter]) > 1


def test_another_folder_is_made_and_entered_first(cli: Cli, folder: Path) -> None:
    run = cli("init", "a/b", "--json")
    assert (folder / "a/b/hardpoint.toml").is_file()
    assert run.data["next"][0] == "cd a/b"
    assert run.data["files"][0] == {"path": "a/b/hardpoint.toml", "action": "create"}
    assert run.data["environment_missing"] == ["STRIPE_WEBHOOK_SECRET"]


def test_what_is_exported_is_not_called_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_here")
    assert "Not set yet" not in cli("init").err


def test_a_file_that_differs_is_shown_and_kept(cli: Cli, folder: Path) -> None:
    (folder / "shop.py").write_text("mine = 1\n")
    run = cli("init")
    assert run.code == 5
    assert "-mine = 1\n" in run.err
    assert "shop.py would be overwritten; nothing was written" in run.err
    assert run.err.endswith("next:  add --force\n")
    assert (folder / "shop.py").read_text() == "mine = 1\n"
    assert not (folder / "hardpoint.toml").exists()


def test_force_replaces_it(cli: Cli, folder: Path) -> None:
    (folder / "shop.py").write_text("mine = 1\n")
    run = cli("init", "--force")
    assert run.code == 0
    assert "replace  shop.py\n" in run.out
    assert "mine" not in (folder / "shop.py").read_text()


def test_a_second_run_changes_nothing(cli: Cli) -> None:
    cli("init")
    run = cli("init")
    assert run.code == 0
    assert run.out == "keep     hardpoint.toml\nkeep     shop.py\n"


@pytest.mark.parametrize("name", ["nobody", "github", "../stripe"])
def test_a_provider_without_a_starter_exits_2(cli: Cli, name: str) -> None:
    run = cli("init", "--provider", name)
    assert run.code == 2
    assert "next:  --provider stripe" in run.err


def test_a_folder_that_cannot_be_made_exits_2(cli: Cli, folder: Path) -> None:
    (folder / "file").touch()
    run = cli("init", "file/below")
    assert run.code == 2
    assert "cannot be written (Not a directory)" in run.err


def test_a_file_that_cannot_be_made_exits_2(cli: Cli, folder: Path) -> None:
    (folder / "shop.py").symlink_to(folder / "nowhere" / "shop.py")
    run = cli("init")
    assert run.code == 2
    assert "shop.py cannot be written" in run.err
