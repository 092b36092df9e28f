"""`--fix`: the replacements that cannot change what a program means, made in its text."""

import ast
import io
import tokenize
from collections.abc import Sequence
from pathlib import Path

from hardpoint.audit.files import UnreadableFileError, content_of, parsed
from hardpoint.audit.findings import Finding


def mended(source: str, findings: Sequence[Finding]) -> str:
    """A text with the edits of its findings made, from the last to the first.

    Edits that overlap are made one a run.
    """
    lines = _lines(source)
    edits = sorted(
        (edit for one in findings for edit in one.edits),
        key=lambda edit: (edit.line, edit.column),
        reverse=True,
    )
    before: tuple[int, int] | None = None
    for edit in edits:
        end = (edit.end_line, edit.end_column)
        if edit.line != edit.end_line or (before is not None and end > before):
            continue
        line = lines[edit.line - 1].encode()
        text = line[: edit.column] + edit.text.encode() + line[edit.end_column :]
        lines[edit.line - 1] = text.decode()
        before = (edit.line, edit.column)
    text = "".join(lines)
    for name in sorted({one.imports for one in findings if one.imports}):
        text = _importing(text, name)
    return text


def _lines(source: str) -> list[str]:
    """As Python counts them, each with its end: a form feed, say, ends no line."""
    return list(io.StringIO(source, newline=""))


def _importing(source: str, name: str) -> str:
    """`import name` before the first import, where the module has none."""
    tree = ast.parse(source)
    imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    if any(
        alias.name == name for one in imports if isinstance(one, ast.Import) for alias in one.names
    ):
        return source
    plain = [
        one
        for one in imports
        if not (isinstance(one, ast.ImportFrom) and one.module == "__future__")
    ]
    line = plain[0].lineno if plain else (imports[-1].lineno + 1 if imports else 1)
    lines = _lines(source)
    lines.insert(line - 1, f"import {name}\n")
    return "".join(lines)


def mend(path: Path, findings: Sequence[Finding]) -> int:
    """Write the edits into a file, if what comes out is Python still; never through a link.

    Returns:
        How many findings were mended.
    """
    chosen = [one for one in findings if one.edits]
    if not chosen or path.is_symlink():
        return 0
    content = content_of(path)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        source = content.decode(encoding)
        text = mended(source, chosen)
        parsed(str(path), text.encode(encoding))
    except (UnicodeDecodeError, UnreadableFileError, SyntaxError):
        return 0
    if text == source:
        return 0
    path.write_bytes(text.encode(encoding))
    return len(chosen)
