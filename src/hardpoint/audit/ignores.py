"""`# hardpoint: ignore[rule] reason`: what is let be, and why. Without a reason it is a finding."""

import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hardpoint.audit.findings import Finding, FindingVerdict

_COMMENT: Final = re.compile(r"#\s*hardpoint:\s*ignore\[([\w\s,-]*)\](.*)")
UNREASONED: Final = "HP001"
"""What an ignore without a reason, or with a rule that does not exist, is told as."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment."""

    line: int
    rules: frozenset[str]
    reason: str


def ignores_of(source: str) -> Mapping[int, Ignore]:
    """The comments by the lines they speak of: their own, or the next where they stand alone."""
    if "hardpoint:" not in source:
        return {}
    found: dict[int, Ignore] = {}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return {}
    for token in tokens:
        told = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
        if told is not None:
            rules = frozenset(one.strip() for one in told[1].split(",") if one.strip())
            alone = not token.line[: token.start[1]].strip()
            line = token.start[0] + (1 if alone else 0)
            found[line] = Ignore(token.start[0], rules, told[2].strip(" :-"))
    return found


def without_ignored(
    findings: Iterable[Finding], source: str, path: str, names: Mapping[str, str]
) -> list[Finding]:
    """The findings that no comment lets be, and those that the comments themselves are.

    Args:
        findings: of one file.
        source: its text.
        path: its name.
        names: each rule's id, by id and by name.
    """
    comments = ignores_of(source)
    kept = [
        one
        for one in findings
        if (comment := comments.get(one.line)) is None
        or not comment.reason
        or one.rule not in {names.get(name) for name in comment.rules}
    ]
    for comment in comments.values():
        unknown = sorted(one for one in comment.rules if one not in names)
        if not comment.reason or unknown or not comment.rules:
            message = (
                f"no rule is named {unknown[0]}"
                if unknown
                else "an ignore names its rules and a reason"
            )
            kept.append(
                Finding(
                    rule=UNREASONED,
                    path=path,
                    line=comment.line,
                    column=0,
                    message=message,
                    verdict=FindingVerdict.VIOLATION,
                )
            )
    return kept
