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


WIDE = Table(
    ["GIVEN UP", "SOURCE", "REASON", "ERROR"],
    [["2023-11-14", "billing", "dead", "no such order"], ["2023-11-15", "code", "failed", "-"]],
)


def test_columns_that_do_not_fit_go_to_further_lines_of_their_row() -> None:
    assert aligned(WIDE, width=40).splitlines() == [
        "GIVEN UP    SOURCE   REASON",
        "  ERROR",
        "2023-11-14  billing  dead",
        "  no such order",
        "2023-11-15  code     failed",
        "  -",
    ]
    assert aligned(WIDE, width=42).splitlines()[0] == "GIVEN UP    SOURCE   REASON  ERROR"


@pytest.mark.parametrize("width", [20, 22, 28, 34, 41, 60, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(width: int) -> None:
    error = "ValueError: the order of this customer was not found anywhere"
    table = Table(WIDE.columns, [*WIDE.rows, ["2023-11-16", "a", "dead", error]])
    lines = aligned(table, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert error in " ".join(" ".join(lines).split())


def test_a_cell_wider_than_the_terminal_is_folded_wherever_it_stands() -> None:
    table = Table(["ID", "STATE"], [["x" * 30, "dead"]])
    assert aligned(table, width=20, colours=False).splitlines() == [
        "ID",
        "  STATE",
        "x" * 20,
        "x" * 10,
        "  dead",
    ]


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
