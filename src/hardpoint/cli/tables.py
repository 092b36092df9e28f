"""Rows as aligned columns: never cut or folded, so that an id can be copied from a terminal too."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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


def aligned(table: Table, *, colours: bool = False) -> str:
    """Columns two blanks apart, one line each row.

    Args:
        table: harmless to print.
        colours: a bold head and coloured states.
    """
    lines = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    painted: list[str] = []
    for number, line in enumerate(lines):
        cells: list[str] = []
        for cell, width in zip(line, widths, strict=True):
            code = (_COLOURS.get(cell) if number else _BOLD) if colours else None
            padding = " " * (width - len(cell))
            cells.append(f"\x1b[{code}m{cell}\x1b[0m{padding}" if code else cell + padding)
        painted.append("  ".join(cells).rstrip())
    return "\n".join(painted)
