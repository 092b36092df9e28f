"""One file: parsed, walked, asked by every rule."""

import re
from collections.abc import Sequence
from typing import Final

from hardpoint.audit.files import UnreadableFileError, is_test, parsed
from hardpoint.audit.findings import Confidence, Finding, FindingVerdict, Rule, Spot
from hardpoint.audit.ignores import without_ignored
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.program import CodeModule
from hardpoint.audit.registry import BY_NAME, RULES

UNREADABLE_RULE: Final = "HP002"
"""What a file that cannot be read is told as; it is no violation."""
_NAMES: Final = {name: rule.id for name, rule in BY_NAME.items()}
_SECRET: Final = re.compile(r"(?=\D*\d)[0-9A-Za-z_.+/=-]{24,}", re.ASCII)
"""What may be a secret: vendors' own begin in many ways; words are shorter, or have no digit."""


def examine(path: str, content: bytes, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """What the rules find in one file.

    Args:
        path: as findings name it; by it tests are known.
        content: its bytes. They are parsed, and never run.
        rules: those that are asked.
    """
    known = knowledge()
    if not any(one in content for one in known.interest):
        return []
    if is_test(path) and not any(one in content for one in known.interest_in_tests):
        return []
    try:
        module = parsed(path, content)
    except UnreadableFileError as error:
        return [
            Finding(
                rule=UNREADABLE_RULE,
                path=path,
                line=1,
                column=0,
                message=f"not looked at: {error}",
                verdict=FindingVerdict.UNPROVEN,
                confidence=Confidence.MEDIUM,
            )
        ]
    found: list[Finding] = []
    for rule in rules:
        if module.is_test and not rule.tests_too:
            continue
        found += _told(rule, module)
    found = without_ignored(found, module.source, path, _NAMES)
    return sorted(found, key=lambda one: (one.line, one.column, one.rule))


def _told(rule: Rule, module: CodeModule) -> list[Finding]:
    found: dict[tuple[int, int, str], Finding] = {}
    for spot in rule.check(module):
        finding = _finding(rule, module, spot)
        found.setdefault((finding.line, finding.column, finding.verdict), finding)
    return list(found.values())


def _finding(rule: Rule, module: CodeModule, spot: Spot) -> Finding:
    line = getattr(spot.node, "lineno", 1)
    return Finding(
        rule=rule.id,
        path=module.path,
        line=line,
        column=getattr(spot.node, "col_offset", 0),
        message=spot.message,
        verdict=spot.verdict,
        confidence=spot.confidence,
        code=_shown(module, line),
        edits=spot.edits,
        imports=spot.imports,
    )


def _shown(module: CodeModule, line: int) -> str:
    """A line as reports may show it: they are read by more people than the code is."""
    if line > len(module.lines):
        return ""
    text = module.lines[line - 1].strip()
    for literal in module.strings:
        value = literal.value
        if literal.lineno == line and isinstance(value, str) and _SECRET.fullmatch(value):
            text = text.replace(value, f"{value[:8]}...")
    return text
