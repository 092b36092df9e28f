"""The guide for those who come from other libraries: its snippets run as they stand."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from hardpoint.testing import manual_time

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "from-tenacity.md"


class Http:
    """The client that the guide takes for granted."""

    async def get(self, path: str) -> str:
        return "ok"

    def fetch(self, path: str, timeout: float | None = None) -> str:
        return "ok"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def compiled(source: str, name: str):
    return compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_snippet_of_ours_runs_in_the_order_of_the_page() -> None:
    names = {"http": Http()}

    async def read() -> None:
        for number, source in enumerate(blocks("python"), 1):
            code = compiled(source, f"snippet {number}")
            result = eval(code, names)
            if inspect.isawaitable(result):
                await result

    with manual_time():
        asyncio.run(read())
    assert len(blocks("python")) >= 8


@pytest.mark.parametrize("library", ["tenacity", "circuitbreaker", "pybreaker"])
def test_every_snippet_of_the_others_is_python_and_runs_where_they_are_installed(library) -> None:
    sources = [
        source
        for source in blocks("py")
        if re.search(rf"\bimport {library}|from {library}", source)
    ]
    assert sources
    for source in sources:
        code = compiled(source, library)
        wanted = re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)
        try:
            for name in wanted:
                __import__(name)
        except ImportError:
            continue
        exec(code, {"http": Http()})


def test_every_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\((\.\.?/[^)]+)\)", GUIDE.read_text()):
        path, _, anchor = target.partition("#")
        page = (GUIDE.parent / path).resolve()
        assert page.exists(), target
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}
