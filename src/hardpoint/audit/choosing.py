"""Which findings are shown: by rule, severity, confidence, baseline, and what has changed."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hardpoint.audit.findings import Confidence, Finding, FindingVerdict, Rule, Severity
from hardpoint.audit.ignores import UNREASONED
from hardpoint.audit.registry import BY_NAME, RULES

_ORDER: Final = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
_HUNK: Final = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_GIT_SECONDS: Final = 60


class AuditInputError(Exception):
    """A baseline or a commit that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked to be shown."""

    rules: Sequence[Rule] = RULES
    severity: Severity = Severity.LOW
    pedantic: bool = False
    """Also what is not certain, and what cannot be seen."""
    baseline: Mapping[str, int] = field(default_factory=dict[str, int])
    changed: Mapping[str, Sequence[range]] | None = None


def shown(findings: Iterable[Finding], choice: Choice) -> list[Finding]:
    """The findings that are asked for, in their order."""
    rules = {one.id for one in choice.rules} | {UNREASONED}
    left = Counter(choice.baseline)
    found: list[Finding] = []
    for one in findings:
        if one.verdict is FindingVerdict.PROVEN or one.rule not in rules:
            continue
        certain = one.verdict is FindingVerdict.VIOLATION and one.confidence is Confidence.HIGH
        if not (certain or choice.pedantic):
            continue
        if _ORDER.index(severity_of(one)) < _ORDER.index(choice.severity):
            continue
        if choice.changed is not None and not _changed(one, choice.changed):
            continue
        if left[one.fingerprint] > 0:
            left[one.fingerprint] -= 1
            continue
        found.append(one)
    return found


def severity_of(finding: Finding) -> Severity:
    """What its rule says; an ignore without a reason is small."""
    rule = BY_NAME.get(finding.rule)
    return rule.severity if rule else Severity.LOW


def _changed(finding: Finding, changed: Mapping[str, Sequence[range]]) -> bool:
    return any(finding.line in lines for lines in changed.get(finding.path, ()))


def baseline_of(path: Path) -> dict[str, int]:
    """How often each fingerprint was there when the baseline was written.

    Raises:
        AuditInputError: the file is not one of ours.
    """
    try:
        told: Any = json.loads(path.read_bytes())
        return {str(one): int(count) for one, count in told["fingerprints"].items()}
    except OSError as error:
        raise AuditInputError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AuditInputError(f"{path} is no baseline of ours") from None


def baseline_text(findings: Iterable[Finding]) -> str:
    """A baseline that lets these findings be, in order, so that its own changes can be read."""
    counted = Counter(one.fingerprint for one in findings)
    return (
        json.dumps({"version": 1, "fingerprints": dict(sorted(counted.items()))}, indent=1) + "\n"
    )


def changed_since(ref: str, root: Path) -> dict[str, list[range]]:
    """The lines that differ from a commit, by file; a new file whole.

    Raises:
        AuditInputError: there is no git here, or no such commit.
    """
    if ref.startswith("-"):
        raise AuditInputError(f"{ref!r} names no commit")
    diff = _git(
        root, "diff", "--unified=0", "--no-color", "--no-ext-diff", "--relative", ref, "--", "*.py"
    )
    changed: dict[str, list[range]] = {}
    name = ""
    for line in diff.split("\n"):
        if line.startswith("+++ "):
            name = line[6:] if line.startswith("+++ b/") else ""
        elif name and (hunk := _HUNK.match(line)) is not None:
            start, count = int(hunk[1]), int(hunk[2] or 1)
            changed.setdefault(name, []).append(range(start, start + count))
    for new in _git(root, "ls-files", "--others", "--exclude-standard", "--", "*.py").splitlines():
        changed[new] = [range(1, 10**9)]
    return changed


def _git(root: Path, *arguments: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - no shell, and `ref` is no option
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=True,
        )
    except FileNotFoundError:
        raise AuditInputError("--diff needs git") from None
    except subprocess.CalledProcessError as error:
        told = (error.stderr or "").strip().splitlines() or ["git failed"]
        raise AuditInputError(told[0]) from None
    except subprocess.TimeoutExpired:
        raise AuditInputError(f"git took more than {_GIT_SECONDS} seconds") from None
    return ended.stdout
