"""Every page that tells how something is done says what of it is not done twice."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = [*sorted((ROOT / "docs/guides").glob("*.md"))]
PROVIDERS = [*sorted((ROOT / "docs/reference/providers").glob("*.md"))]
READY = [ROOT / f"docs/reference/{name}.md" for name in ("webhook-sources", "oauth-providers")]
EXAMPLES = [*sorted((ROOT / "examples").glob("*/README.md"))]
SAID = re.compile(
    r"(not|never|nothing)( \w+){0,2} (re)?(tried|peated|posted)|retries nothing", re.IGNORECASE
)


@pytest.mark.parametrize("page", [*GUIDES, *PROVIDERS, *READY, *EXAMPLES], ids=str)
def test_a_page_says_what_is_not_retried(page):
    assert SAID.search(page.read_text()), "see the section `What is not retried` of other pages"


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*/")), ids=lambda one: one.name
)
def test_each_example_runs_in_the_tests(example):
    assert (example / "README.md").is_file()
    named = [one for one in (ROOT / "tests").rglob("*.py") if example.name in one.read_text()]
    assert named, "no test runs it"
