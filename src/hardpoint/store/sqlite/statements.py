"""SQL, kept as data: each `sql/<topic>.sql` holds statements, each below a line `-- name: ...`."""

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

MARK = "/* hardpoint */ "
"""Opens each of our own statements. A write function may not use it, so that it can never meet one
that was prepared without the authorizer's eye on it."""

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_SQL = resources.files("hardpoint.store.sqlite") / "sql"


def statements(topic: str) -> Mapping[str, str]:
    """The statements of one topic by name, marked as ours."""
    _, *parts = _NAME.split((_SQL / f"{topic}.sql").read_text("utf-8"))
    return MappingProxyType(
        {name: MARK + text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    )


def schema_scripts() -> tuple[str, ...]:
    """The scripts that bring the tables from one version to the next, in order."""
    files = sorted((_SQL / "schema").iterdir(), key=lambda file: file.name)
    return tuple(file.read_text("utf-8") for file in files)
