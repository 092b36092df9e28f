"""SQL, kept as data: each `sql/<topic>.sql` holds statements, each below a line `-- name: ...`."""

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

MARK = "/* hardpoint */ "
"""Opens each of our own statements. A write function may not use it, so that it can never meet one
that was prepared without the authorizer's eye on it."""

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
PACKAGE = "hardpoint.store.sqlite"


def statements(topic: str, package: str = PACKAGE) -> Mapping[str, str]:
    """The statements of one topic by name, marked as ours; from the folder `sql` of a package."""
    _, *parts = _NAME.split((resources.files(package) / f"sql/{topic}.sql").read_text("utf-8"))
    return MappingProxyType(
        {name: MARK + text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    )


def schema_scripts(package: str = PACKAGE) -> tuple[str, ...]:
    """The scripts that bring the tables from one version to the next, in order."""
    return tuple(file.read_text("utf-8") for file in _schema_files(package))


def schema_names(package: str = PACKAGE) -> tuple[str, ...]:
    """What these go by."""
    return tuple(file.name.removesuffix(".sql") for file in _schema_files(package))


def _schema_files(package: str) -> list[Traversable]:
    folder = resources.files(package) / "sql/schema"
    return sorted(folder.iterdir(), key=lambda file: file.name)
