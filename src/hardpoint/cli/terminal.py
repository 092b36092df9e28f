"""Where a command reads and writes: data on stdout, talk on stderr, one envelope with `--json`.

All text passes `plain` on its way out, so that nothing a vendor wrote moves the cursor, changes
the title or paints over what stands there. JSON keeps it whole, spelled in ASCII.
"""

import getpass
import json
import re
import shutil
import signal
import sys
import time
import unicodedata
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import Any, Final, TextIO, final

from hardpoint.cli.failures import Failure
from hardpoint.cli.tables import Table, aligned, colours_wanted
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock

WIDTH_MIN: Final = 40
"""A narrower terminal folds our lines itself."""
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC and kin
    r"|\x1b[ -/]*[0-~]"  # the short ones
)
_BREAKS = re.compile(r"[\t\r\n]+")
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that act on a terminal instead of showing; bidirectional marks are in Cf."""


def plain(text: str, *, lines: bool = False) -> str:
    """The text without terminal escapes, control and formatting characters.

    Args:
        text: anything.
        lines: keep line breaks and tabs; otherwise they become blanks.
    """
    text = _ESCAPES.sub("", text)
    if not lines:
        text = _BREAKS.sub(" ", text)
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in _ACTING)


class ReaderGoneError(Exception):
    """Whoever read our output has closed it."""


@final
class Terminal:
    """The streams and effects of one run.

    Args:
        stdin: where `-` reads from.
        stdout: data.
        stderr: talk.
        clock: time.
        ids: ids of this run and of the events it makes.
        ask_secret: asks a person on the terminal, without echo.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        clock: Clock | None = None,
        ids: Ids | None = None,
        ask_secret: Callable[[str], str] = getpass.getpass,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or Uuid7()
        self.ask_secret = ask_secret
        self.sleep = sleep
        self.json = False
        self.command = "hardpoint"
        """The command being run, as it was typed."""
        self.answered = False
        """Programs have their one object."""

    @classmethod
    def system(cls) -> "Terminal":
        """The process's own. What it cannot encode is written as an escape, never refused."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)

    @property
    def width(self) -> int | None:
        """How many characters a line has for the person who reads; None where nobody does."""
        if self.json or not self.stdout.isatty():
            return None
        return max(WIDTH_MIN, shutil.get_terminal_size().columns)

    def show(self, data: object, *parts: str | Table, failure: Failure | None = None) -> None:
        """The command's result: `parts` for people, or `data` in the envelope.

        Args:
            data: plain values, as JSON has them.
            parts: lines and tables in order; an empty text is an empty line.
            failure: why the answer is no, where it is; `parts` have told people already.
        """
        if self.json:
            self._envelope(data, failure)
            return
        for part in parts:
            self._write(self.stdout, self._text(part) + "\n")
        if failure is not None:
            self._next(failure)

    def stream(self, data: object, text: str, *, colour: str | None = None) -> None:
        """One of many that come by: a line for people, or `data` as a line of JSON."""
        line = json.dumps(data) if self.json else plain(text)
        if colour is not None and not self.json:
            line = f"\x1b[{colour}m{line}\x1b[0m"
        self._write(self.stdout, line + "\n")

    def write(self, content: bytes) -> None:
        """Raw bytes on stdout, nothing added."""
        self.stdout.flush()
        self._guarded(lambda: (self.stdout.buffer.write(content), self.stdout.buffer.flush()))

    def say(self, text: str) -> None:
        """Talk: on stderr, and only to people."""
        if not self.json:
            self._write(self.stderr, plain(text, lines=True) + "\n")

    def fail(self, failure: Failure) -> None:
        """The command could not do it: one line, and the next command to type."""
        if self.json:
            self._envelope(None, failure)
        else:
            self._write(self.stderr, f"error: {plain(failure.message)}\n")
            self._next(failure)

    def _next(self, failure: Failure) -> None:
        self._write(self.stderr, f"next:  {plain(self._hint(failure))}\n")

    def _hint(self, failure: Failure) -> str:
        return failure.hint or f"{self.command} --help"

    def _text(self, part: str | Table) -> str:
        if isinstance(part, str):
            return plain(part, lines=True)
        clean = Table(part.columns, [[plain(cell) for cell in row] for row in part.rows])
        watched = self.width is not None
        return aligned(clean, colours=watched and colours_wanted(), width=self.width)

    def _envelope(self, data: object, failure: Failure | None) -> None:
        from importlib.metadata import version

        error: dict[str, Any] | None = None
        if failure is not None:
            error = {
                "code": failure.code,
                "message": failure.message,
                "hint": self._hint(failure),
                "docs": f"{self.command} --help",
            }
        envelope = {
            "ok": failure is None,
            "data": data,
            "error": error,
            "meta": {"version": version("hardpoint"), "correlation_id": self.ids()},
        }
        self.answered = True
        self._write(self.stdout, json.dumps(envelope) + "\n")

    def _write(self, stream: TextIO, text: str) -> None:
        self._guarded(lambda: (stream.write(text), stream.flush()))

    @staticmethod
    def _guarded(write: Callable[[], object]) -> None:
        try:
            write()
        except BrokenPipeError:
            raise ReaderGoneError from None


@contextmanager
def on_interrupt(heard: Callable[[], object]) -> Generator[None]:
    """Within the block Ctrl-C and SIGTERM call `heard`, and do nothing else."""

    def tell(_number: int, _frame: FrameType | None) -> None:
        heard()

    before = {one: signal.signal(one, tell) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
