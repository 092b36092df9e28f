"""How far long work has come, on the line of a person's terminal; nothing anywhere else."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from hardpoint.cli.terminal import Terminal

EVERY_SECONDS: Final = 0.1
_BAR: Final = 20


@contextmanager
def progress(
    terminal: Terminal, what: str, total: int | None = None
) -> Generator[Callable[[int], None]]:
    """A line that is written over as work goes on, and is gone at its end.

    Args:
        terminal: whose standard error; nobody is told where that is no terminal.
        what: is counted.
        total: how many there will be, where that is known.

    Yields:
        Takes how many there are by now; it may be called as often as you like.
    """
    if terminal.json or not terminal.stderr.isatty():
        yield lambda _: None
        return
    shown_at = 0.0

    def step(count: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now - shown_at < EVERY_SECONDS and count != total:
            return
        shown_at = now
        terminal.stderr.write(f"\r\x1b[K{_line(count, what, total)}")
        terminal.stderr.flush()

    try:
        yield step
    finally:
        terminal.stderr.write("\r\x1b[K")
        terminal.stderr.flush()


def _line(count: int, what: str, total: int | None) -> str:
    if not total:
        return f"{count} {what}"
    done = min(_BAR, _BAR * count // total)
    return f"[{'#' * done}{'.' * (_BAR - done)}] {count}/{total} {what}"
