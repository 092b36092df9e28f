"""The entry: runs the tree of commands; whatever it raises becomes one line and an exit code."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from hardpoint.cli.failures import CommandError, Exit, Failure, failure_of, required, usage
from hardpoint.cli.terminal import ReaderGoneError, Terminal

THREADS_SECONDS = 1.0
"""How long the end of the process waits for threads that are still at work."""


def main(argv: Sequence[str] | None = None, terminal: Terminal | None = None) -> int:
    """Run one command.

    Args:
        argv: what follows the program's name.
        terminal: streams and effects; the process's own otherwise.

    Returns:
        The exit code; see `Exit`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    terminal = terminal or Terminal.system()
    terminal.json = "--json" in arguments
    try:
        return _run(arguments, terminal)
    except ReaderGoneError:
        return _reader_gone(terminal)


def script() -> None:
    """What the installed command is: `main`, and an end that waits for nobody's threads for long.

    Handlers may have left threads behind that Python would wait for without a bound.
    """
    code = main()
    until = time.monotonic() + THREADS_SECONDS
    others = [
        one
        for one in threading.enumerate()
        if one is not threading.main_thread() and not one.daemon
    ]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    if any(one.is_alive() for one in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str], terminal: Terminal) -> int:
    try:
        required("typer")
    except CommandError as error:
        failure = failure_of(error)
        terminal.fail(failure)
        return failure.exit_code
    import typer

    from hardpoint.cli.tree import tree

    try:
        code: int = tree.main(arguments, "hardpoint", standalone_mode=False, obj=terminal)
    except ReaderGoneError:
        raise
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.INTERRUPTED
    except Exception as error:
        if os.environ.get("HARDPOINT_DEBUG") == "1":
            raise
        if isinstance(error, typer.TyperException):
            error = _usage(error.format_message(), getattr(error, "ctx", None))
        failure = failure_of(error)
        terminal.fail(failure)
        return failure.exit_code
    if code == Exit.INTERRUPTED and terminal.json and not terminal.answered:
        terminal.fail(_INTERRUPTED)
    return code


def _usage(message: str, context: Any) -> CommandError:
    """What Typer says of a command line, without the values it repeats: one may be a secret."""
    if "extra argument" in message:
        message = message.partition(" (")[0]
    where = context.command_path if context else "hardpoint"
    return usage(message, hint=f"{where} --help")


def _reader_gone(terminal: Terminal) -> int:
    """Leave quietly, and leave nothing in the buffer that the interpreter would try to flush."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, terminal.stdout.fileno())
    finally:
        os.close(nowhere)
    return Exit.PIPE


_INTERRUPTED = Failure(
    code="interrupted", message="interrupted", hint=None, exit_code=Exit.INTERRUPTED
)
