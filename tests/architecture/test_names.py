"""One word, one thing: a class or an alias has its name to itself; a function fits on a screen."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import hardpoint

SOURCE = Path(hardpoint.__file__).parent
GENERATED = {"resilience/runner_blocking.py"}
FUNCTION_LINES_MAX = 80
FUSED = {("resilience/runner.py", "build"), ("resilience/runner.py", "run")}
"""The one function that is long because it is the hot path of every call."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Ours, one by one: without what is generated, and without vendors' own wire types."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        generated = name.startswith("sync/") or name in GENERATED
        if not (generated or (name.startswith("providers/") and path.name == "wire.py")):
            yield name, ast.parse(path.read_text())


def names_of(module: ast.Module) -> list[str]:
    """The public classes and aliases that a module defines."""
    found: list[str] = []
    for node in module.body:
        match node:
            case ast.ClassDef(name=name):
                found.append(name)
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"))
            ):
                if name[0].isupper() and not name.isupper():
                    found.append(name)
            case _:
                pass
    return [name for name in found if not name.startswith("_")]


def test_a_class_name_stands_for_one_thing() -> None:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, module in modules():
        for name in names_of(module):
            homes[name].append(path)
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


def test_a_function_fits_on_a_screen() -> None:
    long = {
        (path, node.name): (node.end_lineno or 0) - node.lineno + 1
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name for name, lines in long.items() if lines > FUNCTION_LINES_MAX} <= FUSED
