"""What may be imported: each public module says so, and what we show to users imports nothing else.

The names are written down in `public_names.txt`. A name that goes there is a promise, and one that
leaves breaks somebody, so a change of that file is a line of the changelog.
"""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import hardpoint

ROOT = Path(__file__).parents[2]
SOURCE = Path(hardpoint.__file__).parent
SCRIPT = ROOT / "scripts" / "generate_api"
LISTED = Path(__file__).with_name("public_names.txt").read_text().split()
MODULES = sorted({name.rpartition(".")[0] for name in LISTED})
REMEDY = "run `make docs`, and where public_names.txt changes add a line to CHANGELOG.md"

IMPORT = re.compile(
    r"^[ \t]*(?:>>> )?(from hardpoint[\w.]* import (?:\([^)]*\)|[^\n(]+)|import hardpoint[\w.]*)",
    re.MULTILINE,
)
BLOCK = re.compile(r"^([ ]*)```(?:python|py)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def test_the_names_and_their_reference_are_what_is_written_down() -> None:
    ended = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{ended.stderr}{REMEDY}"


@pytest.mark.parametrize("module", MODULES)
def test_a_public_module_offers_what_is_written_down(module: str) -> None:
    offered = importlib.import_module(module)
    listed = [name.rpartition(".")[2] for name in LISTED if name.rpartition(".")[0] == module]
    assert sorted(offered.__all__) == listed, REMEDY
    assert {name for name in listed if getattr(offered, name, None) is None} == set()
    assert set(listed) <= set(dir(offered))


def shown_to_users() -> Iterator[tuple[str, str]]:
    """Every text that shows how hardpoint is used: its place, and the Python in it."""
    pages = [path for path in (ROOT / "docs").rglob("*.md") if not {"adr", "api"} & {*path.parts}]
    for page in [ROOT / "README.md", *pages]:
        for block in BLOCK.finditer(page.read_text()):
            yield str(page.relative_to(ROOT)), dedent(block[2])
    starters = SOURCE.glob("providers/*/starter/**/*.py")
    for path in [*(ROOT / "examples").rglob("*.py"), *starters]:
        yield str(path.relative_to(ROOT)), path.read_text()


def texts_of(path: Path) -> Iterator[str]:
    """The docstrings of a module, and every other text in it: what it writes may be a program."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def inner_imports(tree: ast.AST) -> Iterator[str]:
    """What is imported from hardpoint, and is not public."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "hardpoint" and alias.name not in MODULES:
                    yield alias.name
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.partition(".")[0] == "hardpoint":
                names = [f"{module}.{alias.name}" for alias in node.names]
                yield from (name for name in names if name not in {*LISTED, *MODULES})


def test_what_users_are_shown_imports_public_names_alone() -> None:
    found = {
        (place, name)
        for place, code in shown_to_users()
        for name in inner_imports(ast.parse(code, place))
    }
    assert not found


def test_what_docstrings_show_imports_public_names_alone() -> None:
    found = {
        (str(path.relative_to(SOURCE)), name)
        for path in SOURCE.rglob("*.py")
        for text in texts_of(path)
        for statement in IMPORT.findall(text)
        for name in inner_imports(ast.parse(statement))
    }
    assert not found


def named(module: str, name: str) -> tuple[str, int]:
    """A name with what it stands for, wherever it is imported from."""
    return name, id(getattr(importlib.import_module(module), name))


def test_what_our_own_vendors_share_is_there_for_another_s_author() -> None:
    offered = {named(*name.rsplit(".", 1)) for name in LISTED}
    missing = {
        f"{node.module}.{alias.name}"
        for path in (SOURCE / "providers").glob("*/*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hardpoint.")
        for alias in node.names
        if not node.module.startswith("hardpoint.providers")
        if named(node.module, alias.name) not in offered
    }
    assert not missing, "offer them in hardpoint/provider.py"


def test_a_name_that_nobody_offers_is_told_as_pythons_own_are() -> None:
    with pytest.raises(AttributeError, match="module 'hardpoint' has no attribute 'NoSuchError'"):
        hardpoint.NoSuchError  # noqa: B018
    with pytest.raises(ImportError, match="nonsense"):
        from hardpoint.provider import nonsense  # noqa: F401
