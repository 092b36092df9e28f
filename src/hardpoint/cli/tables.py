"""Rows for reading: fitted and coloured on a terminal, plain aligned columns anywhere else."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

_STYLES: Final = {
    "dead": "red",
    "failed": "red",
    "fail": "red",
    "quarantined": "yellow",
    "pending": "yellow",
    "warn": "yellow",
    "done": "green",
    "ok": "green",
}
"""States that deserve an eye, wherever they stand as a whole cell."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and their rows, all text and all harmless to print."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def aligned(table: Table) -> str:
    """Columns two blanks apart; nothing is cut, so that a program may read them too."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def fitted(table: Table) -> str:
    """For a person's terminal: as wide as it is, long cells folded; colours unless declined."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    sheet = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        sheet.add_column(column, overflow="fold")
    for row in table.rows:
        sheet.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    paper = StringIO()
    console = Console(
        file=paper,
        force_terminal=True,
        color_system=None if plain else "standard",
        width=shutil.get_terminal_size().columns,
        highlight=False,
    )
    console.print(sheet)
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())
