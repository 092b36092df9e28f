"""Each rule has its page, and the page's own examples show what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hardpoint.audit.findings import Rule
from hardpoint.audit.pages import page_text, pages_folder
from hardpoint.audit.registry import RULES, chosen

from .snippets import rules_in, told

ROOT = Path(__file__).parents[2]
HEADS = ["Why", "Bad", "Good", "Fix", "Known false alarms"]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def place(code: str) -> str:
    named = re.match(r"# file: (\S+)\n", code)
    return named[1] if named else "app/page.py"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_shows_what_its_rule_finds_and_what_it_lets_be(rule: Rule) -> None:
    text = page_text(rule.id)
    assert text is not None
    assert text.startswith(f"# {rule.id}: {rule.title}\n\n`{rule.name}` · {rule.severity} · ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADS
    bad, good = blocks(text)
    assert rule.id in {one for one, verdict, _ in told(bad, place(bad)) if verdict == "violation"}
    assert rules_in(good, place(good)) == set()


def test_there_is_a_page_for_each_rule_and_no_other() -> None:
    pages = {path.stem for path in pages_folder().glob("HP*.md")}
    assert pages == {rule.id for rule in RULES} | {"HP001"}


@pytest.mark.parametrize("script", ["generate_audit", "generate_audit_peers"])
def test_the_index_and_the_comparison_are_what_scripts_write(script: str) -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_there_are_as_many_rules_as_promised() -> None:
    assert len(RULES) >= 24
    assert len({rule.id for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("name", ["HP999", "../secret", "README", ""])
def test_there_is_no_page_of_another_name(name: str) -> None:
    assert page_text(name) is None


def test_rules_are_chosen_by_number_beginning_and_name() -> None:
    assert [one.id for one in chosen(["no-timeout", "hp101"])] == ["HP101", "HP301"]
    assert {one.id[:3] for one in chosen(["HP2"])} == {"HP2"}
    assert len(chosen((), ["HP2"])) == len(RULES) - len(chosen(["HP2"]))
    with pytest.raises(KeyError):
        chosen(["no-such-rule"])
    with pytest.raises(KeyError):
        chosen([""])
