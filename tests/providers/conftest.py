"""Tables of what vendors send and say are data beside the tests: `test_x.json` for `test_x.py`.

A test with the mark `rows` runs once for each row of the table of its name. A table names its
columns; what JSON cannot spell stands in an object of one key:

    {"$bytes": TEXT}    one byte for each character of the text
    {"$text": [...]}    texts in a row; [TEXT, N] for one that comes N times
    {"$is": "m:A.B"}    a class, or a member of one, of the module `m`
    {"$secret": TEXT}   a secret
    {"$tuple": [...]}   a tuple
"""

import json
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from hardpoint.core.secrets import Secret


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rows: run once for each row of the table of this name")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("rows"):
        path = Path(metafunc.module.__file__).with_suffix(".json")
        table = tables(path)[metafunc.function.__name__]
        rows = [tuple(map(value, row)) for row in table["rows"]]
        metafunc.parametrize(table["columns"], rows, ids=map(name, rows))


@cache
def tables(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def value(spelled: Any) -> Any:
    """What a cell stands for."""
    if isinstance(spelled, list):
        return [value(one) for one in spelled]
    if not isinstance(spelled, dict):
        return spelled
    if len(spelled) == 1 and (read := SPELLED.get(next(iter(spelled)))):
        return read(*spelled.values())
    return {name: value(one) for name, one in spelled.items()}


def referred(reference: str) -> Any:
    module, _, path = reference.partition(":")
    return attrgetter(path)(resolve_name(module))


SPELLED: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda text: value(text).encode("latin-1"),
    "$text": lambda pieces: "".join(
        one if isinstance(one, str) else one[0] * one[1] for one in pieces
    ),
    "$is": referred,
    "$secret": Secret.value,
    "$tuple": lambda items: tuple(map(value, items)),
}


def name(row: tuple[Any, ...]) -> str:
    """Of a row, where a failure is told."""
    return "-".join(getattr(one, "__name__", None) or str(one) for one in row)[:60]
