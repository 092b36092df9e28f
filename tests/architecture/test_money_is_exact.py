"""Where money is handled there is no float, no true division and no rounding."""

import ast
from pathlib import Path

import pytest

from hardpoint.core.providers import provider, provider_names

SOURCE = Path(__file__).parents[2] / "src" / "hardpoint"
TIMES = {"since", "created", "due_by", "respond_by", "at", "expires_at", "until", "now", "seconds"}
"""Names that may be floats: they are times, in seconds."""


def handling_money() -> list[Path]:
    """The type, the port, and all of a provider that takes payments but its signatures' times."""
    folders = [SOURCE / "payments"]
    folders += [
        SOURCE / "providers" / name
        for name in provider_names()
        if "payments" in provider(name).ports
    ]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return [SOURCE / "core" / "money.py", *(path for path in files if path.name != "webhooks.py")]


def name_of(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return name.strip("_")
        case _:
            return ""


def inexact(source: str) -> list[int]:
    """The lines that compute with binary fractions, or could."""
    found: list[int] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                found.append(node.lineno)
            case ast.Constant(value=float()):
                found.append(node.lineno)
            case ast.Call(func=ast.Name(id="round")):
                found.append(node.lineno)
            case ast.Call(func=ast.Name(id="float"), args=[one, *_]) if name_of(one) not in TIMES:
                found.append(node.lineno)
            case ast.arg(annotation=ast.Name(id="float")) if name_of(node) not in TIMES:
                found.append(node.lineno)
            case ast.AnnAssign(annotation=ast.Name(id="float"), target=target) if (
                name_of(target) not in TIMES
            ):
                found.append(node.lineno)
            case _:
                pass
    return sorted(set(found))


@pytest.mark.parametrize(
    "source",
    [
        "cents = amount / 100",
        "amount /= 100",
        "total = 1.15 * count",
        "cents = round(amount)",
        "amount = float(text)",
        "def pay(amount: float): ...",
        "class Payment:\n    captured: float",
    ],
)
def test_what_could_lose_a_cent_is_found(source):
    assert inexact(source)


@pytest.mark.parametrize(
    "source",
    [
        "created = float(intent.created)",
        "def find(since: float): ...",
        "class Payment:\n    created: float",
        "whole, rest = divmod(count, 100)",
    ],
)
def test_times_and_whole_numbers_are_let_be(source):
    assert not inexact(source)


@pytest.mark.parametrize("path", handling_money(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_money_is_never_a_binary_fraction(path):
    assert not inexact(path.read_text())
