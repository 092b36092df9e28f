"""Who decodes what others wrote expects all that a decoder may raise of it."""

import ast
from pathlib import Path

import hardpoint

SOURCE = Path(hardpoint.__file__).parent
OWN = {
    "providers/filesystem/facts.py",  # written by ourselves
}


def decodes(block: list[ast.stmt]) -> bool:
    calls = [one for each in block for one in ast.walk(each) if isinstance(one, ast.Call)]
    return any(
        ast.unparse(one.func) in {"msgspec.json.decode", "json.loads", "json.load"} for one in calls
    )


def test_whoever_catches_what_a_decoder_raises_catches_nesting_too() -> None:
    short: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        name, source = str(path.relative_to(SOURCE)), path.read_text()
        if "json" not in source:
            continue
        for one in ast.walk(ast.parse(source)):
            if isinstance(one, ast.Try) and decodes(one.body) and name not in OWN:
                caught = " ".join(ast.unparse(each.type) for each in one.handlers if each.type)
                if not any(word in caught for word in ("UNREADABLE", "RecursionError")):
                    short.add(f"{name}:{one.lineno} {caught}")
    assert not short
