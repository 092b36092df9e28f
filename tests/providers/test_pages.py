"""Every provider's page says what its tables say, and what it shows can be imported."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.providers import load, provider, provider_names, service_names
from hardpoint.http.errors import ErrorTable, Problem

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference" / "providers"
HEADINGS = ["Credentials and least scopes", "Sandbox", "What is guaranteed", "Limits"]
MANIFESTS = [provider(name) for name in provider_names()]
SERVICES = [provider(name) for name in service_names()]
TABLES: dict[str, ErrorTable] = {one.name: load(one.errors) for one in MANIFESTS if one.errors}
PAGED = [one.name for one in MANIFESTS]
NO_LIMITS = Capabilities(frozenset())
ENTRIES = [(name, entry) for name, table in TABLES.items() for entry in table.known]


def page(name: str) -> str:
    return (PAGES / f"{name.partition('.')[0]}.md").read_text()


def codes(name: str) -> list[tuple[str, str]]:
    """The rows of the tables of codes below the heading: the code, and the row without it."""
    below = page(name).partition("\n## Error codes\n")[2].partition("\n## ")[0]
    tables = re.findall(r"\| code \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\|\n?)+)", below)
    rows = "".join(tables).splitlines()
    return [(code.strip("`"), rest) for code, _, rest in (row[2:].partition(" |") for row in rows)]


def rows_of(name: str, entry: tuple[int | None, str | None]) -> list[str]:
    """Those of an entry's code, or of its status where it has no code."""
    status, code = entry
    return [rest for written, rest in codes(name) if written == (code or str(status))]


@pytest.mark.parametrize("name", PAGED)
def test_a_provider_has_a_page_with_the_usual_headings(name):
    manifest = provider(name)
    wanted = list(HEADINGS)
    wanted += ["Webhooks"] if manifest.webhooks else []
    wanted += ["Error codes"] if manifest.errors else []
    assert page(name).startswith(f"# {manifest.title}\n")
    missing = set(wanted) - set(re.findall(r"^## (.+)$", page(name), re.MULTILINE))
    assert not missing


@pytest.mark.parametrize("name", service_names())
def test_a_service_has_a_section_on_the_page_of_its_vendor(name):
    assert re.search(rf"^###? .*`{re.escape(name)}`$", page(name), re.MULTILINE)
    assert f'provider = "{name}"' in page(name)


@pytest.mark.parametrize("name", PAGED)
def test_what_a_page_imports_is_there(name):
    for block in re.findall(r"```python\n(.*?)```", page(name), re.DOTALL):
        tree = ast.parse(block)
        imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), name, "exec"), {})


PORTS = [
    (one.name, driver) for one in MANIFESTS + SERVICES for driver in map(load, one.ports.values())
]


@pytest.mark.parametrize(("name", "driver"), PORTS, ids=[name for name, _ in PORTS])
def test_the_limits_of_each_port_stand_on_the_page(name, driver):
    for limit, most in getattr(driver, "capabilities", NO_LIMITS).limits.items():
        spelled = {str(most), f"{most:,}", f"{most // 10**6} MB", f"{most // 2**20} MiB"}
        spelled.add(f"{most // 86_400} days")
        assert any(re.search(rf"\b{one}\b", page(name)) for one in spelled), (limit, most)


def test_the_codes_are_written_as_make_docs_writes_them():
    command = [sys.executable, ROOT / "scripts" / "generate_codes", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=str)
def test_a_code_stands_on_the_page_with_its_meaning_and_action(name, entry):
    """A code of several statuses has a row for each; what has no code goes by its status."""
    known = TABLES[name].known[entry]
    rows = rows_of(name, entry)
    assert any(row.endswith(f"| {known.meaning} | {known.action} |") for row in rows), rows


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=str)
def test_what_the_page_calls_an_error_is_what_is_raised(name, entry):
    status, code = entry
    raised = type(TABLES[name].error(Problem(status=status or 400, code=code))).__name__
    named = {error for row in rows_of(name, entry) for error in re.findall(r"`(\w+Error)`", row)}
    assert not named or raised in named


@pytest.mark.parametrize("name", TABLES)
def test_no_code_stands_on_the_page_that_nobody_knows(name):
    known = {str(code or status) for status, code in TABLES[name].known}
    assert {code for code, _ in codes(name)} == known
