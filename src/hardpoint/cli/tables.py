"""Rows as aligned columns. Nothing is cut: on a narrow terminal a row takes several lines."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

_GAP: Final = 2
"""Blanks between two columns, and before the further lines of a row."""
_BOLD: Final = "1"
_COLOURS: Final = {
    "dead": "31",
    "needs_reconcile": "31",
    "failed": "31",
    "fail": "31",
    "quarantined": "33",
    "pending": "33",
    "warn": "33",
    "done": "32",
    "ok": "32",
}
"""States that deserve an eye, wherever they stand as a whole cell, and their SGR codes."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and their rows, all text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def colours_wanted() -> bool:
    """Whether the person at the terminal has not declined; see https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def aligned(table: Table, *, colours: bool = False, width: int | None = None) -> str:
    """Columns two blanks apart, one line each row.

    Args:
        table: harmless to print.
        colours: a bold head and coloured states.
        width: how many characters a line may have; None is any number. Columns beyond it stand in
            further lines of their row, and a cell that is wider than a line is folded.
    """
    rows = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    stacked = [*_stacked(widths, width)]
    lines: list[str] = []
    for number, row in enumerate(rows):
        for columns in stacked:
            indent = " " * _GAP if columns.start else ""
            for cells in _folded(row[columns], width and width - len(indent)):
                painted: list[str] = []
                for cell, own in zip(cells, widths[columns], strict=True):
                    code = (_COLOURS.get(cell) if number else _BOLD) if colours else None
                    padding = " " * (own - len(cell))
                    painted.append(
                        f"\x1b[{code}m{cell}\x1b[0m{padding}" if code else cell + padding
                    )
                lines.append((indent + (" " * _GAP).join(painted)).rstrip())
    return "\n".join(lines)


def _stacked(widths: Sequence[int], width: int | None) -> Iterator[slice]:
    """The columns of each line of a row: as many as fit, in order, and one at least."""
    start, used = 0, 0
    for number, own in enumerate(widths):
        used += own + _GAP
        if width is not None and number > start and used - _GAP > width:
            yield slice(start, number)
            start, used = number, own + 2 * _GAP
    yield slice(start, len(widths))


def _folded(cells: Sequence[str], width: int | None) -> list[Sequence[str]]:
    """A line of cells; one that stands alone because it is too wide becomes several."""
    if width is None or len(cells) > 1 or len(cells[0]) <= width:
        return [cells]
    return [[piece] for piece in wrap(cells[0], width, break_on_hyphens=False)]
