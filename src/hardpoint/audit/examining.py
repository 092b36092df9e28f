"""One file: parsed, walked, asked by every rule."""

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
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
_CODE_CHARACTERS_MAX: Final = 400
"""A longer line was generated; many findings may lie on it."""
_RUN: Final = re.compile(r"[0-9A-Za-z_.+/=-]{24,}", re.ASCII)
"""What may be a secret: vendors' own begin in many ways."""
_WORD: Final = re.compile(r"[A-Za-z]?[a-z_-]{0,20}[0-9]{0,3}", re.ASCII)
"""A part of a dotted name, or of an address: `payment_intents`, `v1`."""
_GIVEN: Final = re.compile(
    r"""(://[^\s/@:"']*:)[^\s/"']*(?=@)"""
    r"""|([?&](?:access_token|api_?key|token|auth_token|client_secret|secret|password)=)"""
    r"""[^&\s"'{}]+"""
    r"""|(["'](?:Bearer|Basic)\ )[^\s"'{}%]+""",
    re.IGNORECASE,
)
"""What is secret by its place, however short: in an address, in a header."""


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
    shown = cache(partial(_shown, module))
    for rule in rules:
        if module.is_test and not rule.tests_too:
            continue
        found += _told(rule, module, shown)
    found = without_ignored(found, module.source, path, _NAMES)
    return sorted(found, key=lambda one: (one.line, one.column, one.rule))


def _told(rule: Rule, module: CodeModule, shown: Callable[[int], str]) -> list[Finding]:
    found: dict[tuple[int, int, str], Finding] = {}
    for spot in rule.check(module):
        finding = _finding(rule, module, spot, shown)
        found.setdefault((finding.line, finding.column, finding.verdict), finding)
    return list(found.values())


def _finding(rule: Rule, module: CodeModule, spot: Spot, shown: Callable[[int], str]) -> Finding:
    line = getattr(spot.node, "lineno", 1)
    return Finding(
        rule=rule.id,
        path=module.path,
        line=line,
        column=getattr(spot.node, "col_offset", 0),
        message=spot.message,
        verdict=spot.verdict,
        confidence=spot.confidence,
        code=shown(line),
        edits=spot.edits,
        imports=spot.imports,
    )


def _shown(module: CodeModule, line: int) -> str:
    """A line as reports may show it: they are read by more people than the code is.

    Whatever may be a secret is cut, in a literal of any kind, in a comment, in an address.
    """
    text = knowledge().secret.sub(_cut, module.lines[line - 1].strip())
    text = _GIVEN.sub(lambda given: f"{given[1] or given[2] or given[3]}...", text)
    return _RUN.sub(_cut_if_secret, text)[:_CODE_CHARACTERS_MAX]


def _cut(secret: re.Match[str]) -> str:
    return f"{secret[0][:8]}..."


def _cut_if_secret(run: re.Match[str]) -> str:
    """Words have no digit; names and addresses are made of words."""
    parts = re.split(r"[./=]+", run[0])
    words = len(parts) > 1 and all(_WORD.fullmatch(one) for one in parts)
    if words or not any(one.isdigit() for one in run[0]):
        return run[0]
    return _cut(run)
