import re

import pytest

from hardpoint.cli.tables import Table, aligned, fitted

TABLE = Table(["ID", "STATE"], [["evt_1", "dead"], ["evt_" + "2" * 60, "new"]])
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def test_plain_columns_are_aligned_and_never_cut() -> None:
    assert aligned(TABLE).splitlines() == [
        f"ID{' ' * 64}STATE",
        f"evt_1{' ' * 61}dead",
        f"evt_{'2' * 60}  new",
    ]


def test_an_empty_table_is_its_head() -> None:
    assert aligned(Table(["ID", "STATE"], [])) == "ID  STATE"


def test_on_a_terminal_long_cells_are_folded_to_its_width() -> None:
    lines = ESCAPE.sub("", fitted(TABLE)).splitlines()
    assert max(map(len, lines)) <= 40
    assert "".join(line.split()[0] for line in lines[2:]) == "evt_" + "2" * 60


def test_states_are_coloured() -> None:
    assert "\x1b[31mdead" in fitted(TABLE)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_declined(screen: pytest.MonkeyPatch, name: str, value: str) -> None:
    screen.setenv(name, value)
    assert "\x1b" not in fitted(TABLE)


def test_cells_are_text_and_no_markup() -> None:
    assert "[bold]x[/]" in fitted(Table(["A"], [["[bold]x[/]"]]))
