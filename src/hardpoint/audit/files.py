"""Which files are looked at, and their text: bounded, decoded as Python decodes, no loops."""

import ast
import io
import os
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hardpoint.audit.program import CodeModule, read

BYTES_MAX: Final = 2_000_000
"""A larger file was generated; nobody will mend it by hand."""
PASSED_OVER: Final = frozenset({
    "__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env", "migrations",
    "_vendor",
})  # fmt: skip
"""Folders of other people's code, and of what is generated; hidden ones too."""


class UnreadableFileError(Exception):
    """A file that cannot be looked at; the message says why."""


def python_files(paths: Sequence[Path]) -> Iterator[Path]:
    """All `.py` files below the paths, in order; a file that is named is taken as it is.

    Links to folders are not followed, so there is no loop; nor are links to files elsewhere.
    """
    seen: set[Path] = set()
    for start in paths:
        found = [start] if start.is_file() else _below(start)
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path


def _below(start: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(start, followlinks=False):
        folders[:] = sorted(
            one for one in folders if one not in PASSED_OVER and not one.startswith(".")
        )
        for name in sorted(names):
            if name.endswith(".py"):
                path = Path(folder, name)
                if lies_below(path, start):
                    yield path


def lies_below(path: Path, start: Path) -> bool:
    """Whether it is a file, and no link out of the folder that is looked at."""
    if not path.is_file():
        return False
    return not path.is_symlink() or path.resolve().is_relative_to(start.resolve())


def content_of(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableFileError: it is gone, too large, or not a file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableFileError(error.strerror or type(error).__name__) from None
    if len(content) > BYTES_MAX:
        raise UnreadableFileError(f"more than {BYTES_MAX} bytes, so it was generated")
    return content


def parsed(path: str, content: bytes) -> CodeModule:
    """A module, from the bytes of its file.

    Raises:
        UnreadableFileError: it is no Python that this interpreter reads.
    """
    if b"\0" in content:
        raise UnreadableFileError("binary")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        source = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableFileError(_why(content, error)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableFileError(f"not readable: {type(error).__name__}") from None
    return read(path, source, tree, is_test=is_test(path))


def _why(content: bytes, error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        old = (
            "Missing parentheses in call to 'print'" in str(error.msg)
            or b"except Exception, " in content
        )
        return "Python 2" if old else f"line {error.lineno}: {error.msg}"
    return (
        "its encoding is not what it says" if isinstance(error, UnicodeDecodeError) else str(error)
    )


def is_test(path: str) -> bool:
    """Whether a path is one of a test, by the habits of pytest and unittest."""
    parts = Path(path).parts
    name = parts[-1] if parts else ""
    return (
        name.startswith("test_")
        or name.endswith(("_test.py", "_tests.py"))
        or name in {"conftest.py", "tests.py"}
        or any(one in {"tests", "test", "testing"} for one in parts[:-1])
    )
