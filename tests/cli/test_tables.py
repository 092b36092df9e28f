import pytest

from hardpoint.cli.tables import Table, aligned, colours_wanted

TABLE = Table(["ID", "STATE"], [["evt_1", "dead"], ["evt_" + "2" * 60, "new"]])


def test_columns_are_aligned_and_never_cut() -> None:
    assert aligned(TABLE).splitlines() == [
        f"ID{' ' * 64}STATE",
        f"evt_1{' ' * 61}dead",
        f"evt_{'2' * 60}  new",
    ]


def test_an_empty_table_is_its_head() -> None:
    assert aligned(Table(["ID", "STATE"], [])) == "ID  STATE"


def test_colours_change_no_width() -> None:
    head, dead, new = aligned(TABLE, colours=True).splitlines()
    assert head == f"\x1b[1mID\x1b[0m{' ' * 64}\x1b[1mSTATE\x1b[0m"
    assert dead == f"evt_1{' ' * 61}\x1b[31mdead\x1b[0m"
    assert new == f"evt_{'2' * 60}  new"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_can_be_declined(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], wanted: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours_wanted() is wanted
