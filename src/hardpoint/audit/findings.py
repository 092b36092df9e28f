"""What a rule is, and what it finds: a place, a verdict, how bad it is and how sure we are."""

import ast
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardpoint.audit.program import CodeModule


class FindingVerdict(StrEnum):
    """What a finding says of its place."""

    VIOLATION = "violation"
    UNPROVEN = "unproven"
    """Whether it is right cannot be seen from here; a person or a test has to say."""
    PROVEN = "proven"
    """It is right, and the code shows it."""


class Severity(StrEnum):
    """What it may cost."""

    HIGH = "high"
    """Money, accounts or data of others."""
    MEDIUM = "medium"
    """An outage, or work lost."""
    LOW = "low"


class Confidence(StrEnum):
    """How sure we are; what is not `high` is shown with `--pedantic` alone."""

    HIGH = "high"
    MEDIUM = "medium"


class ChecklistItem(StrEnum):
    """The ten points that an integration has to show."""

    RETRIES = "retries"
    IDEMPOTENCY = "idempotency"
    SECURITY = "security"
    RESILIENCE = "resilience"
    LOGGING = "logging"
    TESTING = "testing"
    DOCUMENTATION = "documentation"
    TIMEOUTS = "timeouts"
    RATE_LIMITS = "rate limits"
    DEGRADATION = "graceful degradation"


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement that `--fix` may make: columns count characters from 0, lines from 1."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place, and what a rule says of it."""

    rule: str
    path: str
    line: int
    column: int
    message: str
    verdict: FindingVerdict = FindingVerdict.VIOLATION
    confidence: Confidence = Confidence.HIGH
    code: str = ""
    """The line, as reports may show it: what may be a secret is cut."""
    edits: tuple[Edit, ...] = ()
    imports: str = ""
    """A module that the edits need."""

    @property
    def fingerprint(self) -> str:
        """The same after lines were added above it: for baselines, and for SARIF."""
        text = "\0".join([self.rule, self.path, "".join(self.code.split()), self.verdict])
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Spot:
    """What a rule yields: a node, and what it has to say of it."""

    node: ast.AST
    message: str
    verdict: FindingVerdict = FindingVerdict.VIOLATION
    confidence: Confidence = Confidence.HIGH
    edits: tuple[Edit, ...] = field(default=())
    imports: str = ""


RuleCheck = Callable[["CodeModule"], Iterator[Spot]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A mistake that can be seen in code.

    Attributes:
        id: `HP101`; what a page is named by.
        name: `signature-compared-with-equals`; may stand wherever the id may.
        item: the point of the checklist that it belongs to.
        severity: what it may cost.
        title: one line for people.
        remedy: what to do, in one line.
        check: finds the places in a module.
    """

    id: str
    name: str
    item: ChecklistItem
    severity: Severity
    title: str
    remedy: str
    check: RuleCheck
    tests_too: bool = False
    """Whether it looks at tests as well; most do not."""


def proven(node: ast.AST, message: str) -> Spot:
    """A place where the code shows that it is right."""
    return Spot(node, message, FindingVerdict.PROVEN)


def unproven(node: ast.AST, message: str) -> Spot:
    """A place of which the code does not show enough."""
    return Spot(node, message, FindingVerdict.UNPROVEN, Confidence.MEDIUM)


def likely(node: ast.AST, message: str) -> Spot:
    """A violation of which we are not quite sure."""
    return Spot(node, message, FindingVerdict.VIOLATION, Confidence.MEDIUM)
