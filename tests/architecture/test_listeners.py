"""Listeners are never asked for their truth: an empty one is not the same as none."""

import ast
from collections.abc import Iterator
from pathlib import Path

import hardpoint

SOURCE = Path(hardpoint.__file__).parent


def asked_for_truth(tree: ast.AST) -> Iterator[ast.expr]:
    """What stands where only its truth counts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp):
            yield from node.values
        elif isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand


def names_listeners(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        node = node.func
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.lower().lstrip("_") == "listeners"


def test_nothing_takes_an_empty_listeners_for_none() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for source in [path.read_text()]
        if "listeners" in source.lower()
        for node in asked_for_truth(ast.parse(source))
        if names_listeners(node)
    ]
    assert found == []


def test_the_pattern_is_recognised() -> None:
    for text in (
        "a = listeners or Listeners()",
        "if self._listeners: pass",
        "if not listeners: pass",
        "a = settings.listeners and 1",
    ):
        assert any(map(names_listeners, asked_for_truth(ast.parse(text)))), text
