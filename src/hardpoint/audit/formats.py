"""How findings are written: SARIF 2.1.0, GitHub's annotations, Markdown, plain values."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final

from hardpoint.audit.choosing import severity_of
from hardpoint.audit.findings import Finding, FindingVerdict, Severity
from hardpoint.audit.ignores import UNREASONED
from hardpoint.audit.registry import BY_NAME, RULES

_LEVELS: Final = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_KINDS: Final = {FindingVerdict.VIOLATION: "fail", FindingVerdict.UNPROVEN: "review"}


class AuditFormat(StrEnum):
    """How the findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    ANNOTATIONS = "github"
    MARKDOWN = "md"


def page_of(rule: str) -> str:
    """How a rule's page is read."""
    return f"hardpoint audit --explain {rule}"


def name_of(rule: str) -> str:
    """A rule's name, for people."""
    return BY_NAME[rule].name if rule in BY_NAME else "unreasoned-ignore"


def plain_values(finding: Finding) -> dict[str, Any]:
    """A finding as JSON has it."""
    rule = BY_NAME.get(finding.rule)
    return {
        "rule": finding.rule,
        "name": name_of(finding.rule),
        "path": finding.path,
        "line": finding.line,
        "column": finding.column + 1,
        "message": finding.message,
        "verdict": str(finding.verdict),
        "severity": str(severity_of(finding)),
        "confidence": str(finding.confidence),
        "item": str(rule.item) if rule else None,
        "remedy": rule.remedy if rule else "Write why, after the brackets.",
        "code": finding.code,
        "fixable": bool(finding.edits),
        "fingerprint": finding.fingerprint,
        "page": page_of(finding.rule),
    }


def sarif(findings: Iterable[Finding], version: str) -> str:
    """SARIF 2.1.0, for code scanning."""
    results = [
        {
            "ruleId": one.rule,
            "level": _LEVELS[severity_of(one)]
            if one.verdict is FindingVerdict.VIOLATION
            else "none",
            "kind": _KINDS[one.verdict],
            "message": {"text": one.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": one.path, "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": one.line, "startColumn": one.column + 1},
                    }
                }
            ],
            "partialFingerprints": {"hardpoint/v1": one.fingerprint},
        }
        for one in findings
    ]
    rules = [
        {
            "id": rule.id,
            "name": rule.name,
            "shortDescription": {"text": rule.title},
            "help": {"text": f"{rule.remedy} More: {page_of(rule.id)}"},
            "properties": {"tags": [str(rule.item)]},
        }
        for rule in RULES
    ]
    rules.append(
        {
            "id": UNREASONED,
            "name": "unreasoned-ignore",
            "shortDescription": {"text": "An ignore names its rules and a reason"},
            "help": {"text": "Write why, after the brackets."},
            "properties": {"tags": ["documentation"]},
        }
    )
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "hardpoint", "version": version, "rules": rules}},
                "results": results,
            }
        ],
    }
    return json.dumps(document, indent=1)


def annotations(findings: Iterable[Finding]) -> list[str]:
    """Lines that GitHub's runner shows at the place in a change."""
    kinds = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}
    return [
        f"::{kinds[severity_of(one)]} "
        f"file={_property(one.path)},line={one.line},col={one.column + 1},"
        f"title={_property(f'{one.rule} {name_of(one.rule)}')}::{_data(one.message)}"
        for one in findings
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def markdown(findings: Sequence[Finding]) -> str:
    """A table, for a comment or a report."""
    if not findings:
        return "Nothing found."
    rows = [
        f"| `{_cell(one.path)}:{one.line}` | {one.rule} {name_of(one.rule)} "
        f"| {severity_of(one)} | {_cell(one.message)} |"
        for one in findings
    ]
    return "\n".join(["| place | rule | severity | what |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
