from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_all_processes_of_the_store_are_told(cli: Cli, config: Path, server: Any) -> None:
    run = cli("reload", "--json")
    assert (run.code, run.data) == (0, {"told": 1})
    assert server.reloads == 1
    assert "1 process(es) read the configuration again" in cli("reload").out


def test_a_configuration_that_is_wrong_is_told_to_nobody(
    cli: Cli, config: Path, server: Any
) -> None:
    config.write_text(f"{config.read_text()}\nwebhoks = 1\n")
    assert cli("reload").code == 3
    assert server.reloads == 0


def test_without_a_process_there_is_nobody_to_tell(cli: Cli, config: Path) -> None:
    run = cli("reload")
    assert run.code == 4
    assert "no process has the store" in run.err
