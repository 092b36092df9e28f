"""What the pages say about the source is so: files, names, layers, links.

The reader imports nothing: it parses files. In a list item or a table cell, a name belongs to the
last file named before it. A name without a file must be a class somewhere in the source.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "hardpoint"
ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STOPS_MAX = 12


def sections(page: Path) -> dict[str, str]:
    """The page's sections by their titles."""
    _, *found = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


WAYS = [title for title in sections(ARCHITECTURE) if title.startswith("The way of")]


@pytest.mark.parametrize("page", [ARCHITECTURE, GLOSSARY], ids=lambda page: page.stem)
def test_every_file_and_name_that_a_page_mentions_exists(page: Path) -> None:
    assert not faults(prose(page))


@pytest.mark.parametrize("title", WAYS)
def test_a_way_has_at_most_twelve_stops_each_with_a_file_and_a_name(title: str) -> None:
    stops = re.findall(
        r"^\d+\. .*?(?=^\d+\. |\n\n|\Z)", sections(ARCHITECTURE)[title], re.MULTILINE | re.DOTALL
    )
    assert 6 <= len(stops) <= STOPS_MAX
    assert not [stop for stop in stops if not is_pair(stop)]


def test_there_is_the_way_of_a_webhook_a_payment_a_refresh_and_a_guarded_call() -> None:
    assert {title.split()[-1] for title in WAYS} == {"webhook", "payment", "refresh", "call"}


def test_the_ten_changes_each_name_a_file_and_a_name() -> None:
    rows = table(sections(ARCHITECTURE)["Where a change goes"])
    assert len(rows) == 10
    assert not [row[0] for row in rows if not is_pair(row[1])]


def test_the_picture_of_the_layers_is_what_the_linter_holds() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [re.findall(r"\w+", layer) for layer in linter["contracts"][0]["layers"]]
    there = [[name for name in layer if (SOURCE / name).is_dir()] for layer in layers]
    picture = sections(ARCHITECTURE)["The layers"].split("```")[1]
    drawn = [
        re.split(r" \| ", line.split("  ")[0])
        for line in picture.splitlines()[1:]
        if line[:1].strip()
    ]
    assert drawn == [layer for layer in there if layer]


def test_the_glossary_has_thirty_words_in_order_each_with_its_owner() -> None:
    rows = table(GLOSSARY.read_text())
    words = [row[0] for row in rows]
    assert len(words) >= 30
    assert words == sorted(set(words), key=str.lower)
    assert not [row[0] for row in rows if not is_pair(row[2])]
    assert all(SOURCE in files(row[2])[0].parents for row in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", prose(page))
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. `core/money.py` `Money` adds", []),
        (
            "1. `core/money.py` `Money.nothing` adds",
            ["Money.nothing: not in src/hardpoint/core/money.py"],
        ),
        ("1. `core/gold.py` `Money` adds", ["core/gold.py: no such file"]),
        ("`Moneyed` alone", ["Moneyed: nowhere"]),
        ("`Money` alone, and `some_key`", []),
        ("1. `core/money.py` adds\n2. `webhooks` is a word here", []),
        ("| `core/money.py` `Money` | `some_key` |", []),
    ],
)
def test_the_reader_finds_what_is_not_there(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


def table(text: str) -> list[list[str]]:
    """The rows of the text's table, without its head."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows[1:] if not row[0].startswith("-")]


def test_a_part_is_an_item_or_a_cell() -> None:
    assert list(parts("one\n\n1. two\n2. three\n\n| four | five |")) == [
        "one",
        "1. two",
        "2. three",
        "four",
        "five",
    ]


# The reader

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CLASS = re.compile(r"_?[A-Z]\w*[a-z]\w*(?:\.\w+)*")
_SQL_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def parts(text: str) -> Iterator[str]:
    """Each list item, table cell and paragraph: as far as a file's names may stand from it."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\d+\. |- )", text):
        if paragraph.lstrip().startswith("|"):
            for row in paragraph.splitlines():
                yield from row.strip("| ").split(" | ")
        else:
            yield paragraph


def faults(text: str) -> list[str]:
    """What the text says that the source does not have."""
    found: list[str] = []
    for part in parts(text):
        file: Path | None = None
        for span in _SPAN.findall(part):
            if _is_path(span):
                file = _file(span)
                if file is None:
                    found.append(f"{span}: no such file")
            elif _NAME.fullmatch(span) and file is not None:
                if span not in names(file):
                    found.append(f"{span}: not in {file.relative_to(ROOT)}")
            elif _CLASS.fullmatch(span) and span not in _everywhere():
                found.append(f"{span}: nowhere")
    return found


def files(text: str) -> list[Path]:
    """The files that the text names and the source has, in their order."""
    found = (_file(span) for span in _SPAN.findall(text) if _is_path(span))
    return [file for file in found if file is not None]


def is_pair(part: str) -> bool:
    """Whether it names a file and, after it, a name."""
    spans = _SPAN.findall(part)
    paths = [index for index, span in enumerate(spans) if _is_path(span)]
    return (
        any(_NAME.fullmatch(span) and not _is_path(span) for span in spans[paths[0] :])
        if paths
        else False
    )


def _is_path(span: str) -> bool:
    return bool(_PATH.fullmatch(span)) and ("/" in span or span.endswith((".py", ".sql", ".toml")))


def _file(span: str) -> Path | None:
    for root in (SOURCE, ROOT):
        for path in sorted(root.glob(span.rstrip("/"))):
            return path
    return None


@cache
def names(path: Path) -> frozenset[str]:
    """What a file defines: `name`, `Class`, `Class.member`. A folder: what its modules define."""
    if path.is_dir():
        return frozenset().union(*(names(one) for one in path.rglob("*.py")))
    if path.suffix == ".sql":
        return frozenset(_SQL_NAME.findall(path.read_text()))
    if path.suffix != ".py" and path.parent.name != "scripts":
        return frozenset()
    return frozenset(_defined(ast.parse(path.read_text()).body))


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.ClassDef():
                yield node.name
                for member in (*_defined(node.body), *_set_by_methods(node)):
                    yield f"{node.name}.{member}"
            case ast.Assign(targets=targets):
                yield from (
                    one.id
                    for target in targets
                    for one in ast.walk(target)
                    if isinstance(one, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(name)):
                yield name
            case ast.If():
                yield from _defined([*node.body, *node.orelse])
            case _:
                pass


def _set_by_methods(node: ast.ClassDef) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Attribute(value=ast.Name("self"), attr=attribute, ctx=ast.Store()):
                yield attribute
            case _:
                pass


@cache
def _everywhere() -> frozenset[str]:
    return names(SOURCE)
