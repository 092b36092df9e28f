"""The corpus: snippets with one mistake each, and snippets that look like one and are none."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardpoint.audit.examining import examine
from hardpoint.audit.findings import Confidence, Finding, FindingVerdict

CORPUS = Path(__file__).with_name("corpus")
EXPECTED = tomllib.loads((CORPUS / "expected.toml").read_text())


@dataclass(frozen=True)
class Snippet:
    name: str
    path: str
    code: str

    def __str__(self) -> str:
        return self.name


def snippets(file: str) -> Iterator[Snippet]:
    """`=== name: what is wrong`, then code; a first line `# file: path` says where it stands."""
    for part in re.split(r"(?m)^=== ", (CORPUS / f"{file}.txt").read_text())[1:]:
        head, _, code = part.partition("\n")
        name = head.partition(":")[0]
        place = re.match(r"# file: (\S+)\n", code)
        yield Snippet(name, place[1] if place else f"app/{name}.py", code)


def certain(path: str, code: str) -> list[Finding]:
    """What is shown without an option."""
    return [
        one
        for one in examine(path, code.encode())
        if one.verdict is FindingVerdict.VIOLATION and one.confidence is Confidence.HIGH
    ]


def told(code: str, path: str = "app/x.py") -> list[tuple[str, str, str]]:
    """Rule, verdict and confidence of all that is found, those proven too."""
    return [
        (one.rule, str(one.verdict), str(one.confidence)) for one in examine(path, code.encode())
    ]


def rules_in(code: str, path: str = "app/x.py") -> set[str]:
    return {one.rule for one in certain(path, code)}
