"""The ten points of an integration: each proven by code, by configuration, by a test, or not."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from hardpoint.audit.choosing import Choice, shown
from hardpoint.audit.files import BYTES_MAX, is_test, lies_below, python_files
from hardpoint.audit.findings import ChecklistItem, Finding, FindingVerdict
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.registry import BY_NAME
from hardpoint.hub.settings import Settings

_PLACES_MAX: Final = 3
_FILES_MAX: Final = 500
_PAGE_CHARACTERS_MAX: Final = 100_000


class ProofBy(StrEnum):
    """What shows a point."""

    CODE = "code"
    CONFIGURATION = "configuration"
    TEST = "test"
    NOTHING = "not proven"


@dataclass(frozen=True, slots=True)
class ChecklistPoint:
    """One of the ten, and what is known of it."""

    item: ChecklistItem
    proof: ProofBy
    places: Sequence[str] = ()
    """`file:line`, or `file key`; of what proves it, or of what stands against it."""
    told: str = ""
    """What was seen there, or what is missing."""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Sign:
    """A text that shows a point."""

    item: ChecklistItem
    pattern: re.Pattern[str]
    told: str


def _sign(item: ChecklistItem, pattern: str, told: str) -> _Sign:
    return _Sign(item, re.compile(pattern), told)


_SIGNS: Final = (
    _sign(
        ChecklistItem.RETRIES,
        r"\bRetry\(|\bPolicy\(|stop_after_attempt|max_tries=",
        "an end to retries",
    ),
    _sign(
        ChecklistItem.IDEMPOTENCY,
        r"idempotency_key=|Idempotency-Key|hub\.once\(|@hub\.on\(",
        "a key, or exactly once",
    ),
    _sign(
        ChecklistItem.SECURITY,
        r"compare_digest\(|construct_event\(|@hub\.on\(",
        "signatures are checked",
    ),
    _sign(
        ChecklistItem.RESILIENCE,
        r"\bBreaker\(|CircuitBreaker\(|\bBulkhead\(|@hub\.on\(",
        "a breaker, or the inbox",
    ),
    _sign(
        ChecklistItem.LOGGING,
        r"correlation_id|X-Request-ID|bind_contextvars|correlated\(",
        "a correlation id",
    ),
    _sign(
        ChecklistItem.TIMEOUTS, r"timeout=(?!None)|deadline=|ClientTimeout\(", "a timeout is given"
    ),
    _sign(
        ChecklistItem.RATE_LIMITS,
        r"RateLimit\(|[Rr]etry-[Aa]fter|except [^\n]{0,200}RateLimitedError",
        "limits are heeded",
    ),
    _sign(
        ChecklistItem.DEGRADATION,
        r"fallback=|except [^\n]{0,200}(CircuitOpen|Unavailable)Error",
        "a way without the vendor",
    ),
)
"""In the code of a file that integrates, its comments left out."""
_TESTED: Final = (
    _sign(ChecklistItem.RETRIES, r"retr|transient|503|flaky|tried_again", "a failure that passes"),
    _sign(ChecklistItem.IDEMPOTENCY, r"duplicate|twice|repeat|once|idempot|second_", "a repeat"),
    _sign(
        ChecklistItem.SECURITY,
        r"forged|tamper|signature|unsigned|unverified|401",
        "a forged request",
    ),
    _sign(
        ChecklistItem.RESILIENCE, r"breaker|circuit|crash|kill|outage", "many failures, or a crash"
    ),
    _sign(ChecklistItem.LOGGING, r"_log(s|ged)?(_|$)|secret|correlation|redact", "what is logged"),
    _sign(
        ChecklistItem.TIMEOUTS,
        r"time_?out|timed_out|silent|hang|deadline",
        "a vendor that is silent",
    ),
    _sign(
        ChecklistItem.RATE_LIMITS,
        r"429|rate_?limit|too_many_req|retry_after",
        "a limit that is reached",
    ),
    _sign(ChecklistItem.DEGRADATION, r"fallback|degrad|unavailable|outage|is_down", "an outage"),
)
"""In the names of tests: what a test is called, it tries."""
_IMITATED: Final = re.compile(
    r"\bFake[A-Z]\w+|responses\.activate|\brespx\b|httpserver|MockTransport|\bfake_\w+|hp_\w+|vcr\."
)
_NAMES: Final = re.compile(r"^[ \t]*(?:async )?def (test_\w+)", re.MULTILINE)
_REMEDIES: Final = {
    ChecklistItem.RETRIES: "give the connection a policy, or the call a `Policy(retry=Retry(...))`",
    ChecklistItem.IDEMPOTENCY: "pass `idempotency_key=`; handle events with `@hub.on`",
    ChecklistItem.SECURITY: "configure the webhook's source with its secret; test a forged request",
    ChecklistItem.RESILIENCE: "give the policy a breaker; hardpoint serve stores events first",
    ChecklistItem.LOGGING: "log with a correlation id; see docs/guides/operate.md",
    ChecklistItem.TESTING: "use the fakes: docs/guides/test-your-integration.md",
    ChecklistItem.DOCUMENTATION: "hardpoint docs build",
    ChecklistItem.TIMEOUTS: "give each call a timeout, or the policy a deadline",
    ChecklistItem.RATE_LIMITS: "set `rate` in the connection's policy; heed Retry-After",
    ChecklistItem.DEGRADATION: "catch UnavailableError, or give the policy a `fallback`",
}
_CONFIGURED: Final = {
    ChecklistItem.RETRIES: "its policy",
    ChecklistItem.TIMEOUTS: "its policy's deadline and timeout",
    ChecklistItem.RESILIENCE: "its policy's breaker",
}


@dataclass(slots=True)
class _Evidence:
    proof: ProofBy
    places: list[str] = field(default_factory=list[str])
    told: str = ""


def go_through(
    paths: Sequence[Path], findings: Iterable[Finding], settings: Settings | None, *, root: Path
) -> list[ChecklistPoint]:
    """The ten points, in their order.

    Args:
        paths: code, tests and pages.
        findings: what the audit found there.
        settings: the configuration, where there is one.
        root: places are named relative to it.
    """
    known = list(findings)
    against = _against(known)
    seen = _merged([*_by_audit(known), *_by_configuration(settings), *_by_text(paths, root)])
    documented = _documented(paths, root)
    if documented:
        seen.setdefault(ChecklistItem.DOCUMENTATION, documented)
    points: list[ChecklistPoint] = []
    for item in ChecklistItem:
        mistakes = against.get(item, [])
        evidence = seen.get(item)
        if mistakes:
            places = [f"{one.path}:{one.line}" for one in mistakes]
            told = f"{mistakes[0].rule}: {mistakes[0].message}"
            remedy = f"hardpoint audit --explain {mistakes[0].rule}"
            points.append(_point(item, ProofBy.NOTHING, places, told, remedy))
        elif evidence is None:
            points.append(_point(item, ProofBy.NOTHING, [], "nothing shows it", _REMEDIES[item]))
        else:
            points.append(_point(item, evidence.proof, evidence.places, evidence.told, ""))
    return points


def _point(
    item: ChecklistItem, proof: ProofBy, places: Sequence[str], told: str, remedy: str
) -> ChecklistPoint:
    return ChecklistPoint(item, proof, tuple(places[:_PLACES_MAX]), told, remedy)


def _against(findings: Sequence[Finding]) -> dict[ChecklistItem, list[Finding]]:
    found: dict[ChecklistItem, list[Finding]] = {}
    for one in shown(findings, Choice()):
        rule = BY_NAME.get(one.rule)
        item = rule.item if rule else ChecklistItem.DOCUMENTATION
        found.setdefault(item, []).append(one)
    return found


_Proof = tuple[ChecklistItem, ProofBy, str, str]
_Proofs = Iterator[_Proof]


def _by_audit(findings: Sequence[Finding]) -> _Proofs:
    for one in findings:
        rule = BY_NAME.get(one.rule)
        if rule is not None and one.verdict is FindingVerdict.PROVEN:
            yield rule.item, ProofBy.CODE, f"{one.path}:{one.line}", one.message


def _by_configuration(settings: Settings | None) -> _Proofs:
    """A connection has its policy; a source verifies and stores."""
    if settings is None:
        return
    for name in settings.connections:
        place = f"hardpoint.toml [connections.{name}]"
        for item, told in _CONFIGURED.items():
            yield item, ProofBy.CONFIGURATION, place, told
        yield ChecklistItem.RATE_LIMITS, ProofBy.CONFIGURATION, place, "Retry-After is heeded"
        yield ChecklistItem.LOGGING, ProofBy.CONFIGURATION, place, "calls carry a correlation id"
    for name, source in settings.webhooks.items():
        place = f"hardpoint.toml [webhooks.{name}]"
        yield ChecklistItem.IDEMPOTENCY, ProofBy.CONFIGURATION, place, "an event is stored once"
        yield ChecklistItem.LOGGING, ProofBy.CONFIGURATION, place, "events carry a correlation id"
        if source.secrets:
            yield ChecklistItem.SECURITY, ProofBy.CONFIGURATION, place, "its signature is checked"


def _by_text(paths: Sequence[Path], root: Path) -> _Proofs:
    for path in python_files(paths):
        name = _relative(path, root)
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(BYTES_MAX)
        except OSError:
            continue
        if is_test(name):
            yield from _by_tests(name, text)
        elif _INTEGRATES.search(text):
            code = "\n".join(map(_without_comment, text.split("\n")))
            for sign in _SIGNS:
                match = sign.pattern.search(code)
                if match is not None:
                    line = code.count("\n", 0, match.start()) + 1
                    yield sign.item, ProofBy.CODE, f"{name}:{line}", sign.told


def _without_comment(line: str) -> str:
    """What begins with `#` behind the last quote; an earlier one may stand in a text."""
    start = line.find("#", max(line.rfind('"'), line.rfind("'")) + 1)
    return line if start < 0 else line[:start]


def _by_tests(name: str, text: str) -> _Proofs:
    imitated = _IMITATED.search(text)
    line, counted = 1, 0
    for test in _NAMES.finditer(text):
        line += text.count("\n", counted, test.start(1))
        counted = test.start(1)
        place = f"{name}:{line}"
        if imitated is not None:
            yield ChecklistItem.TESTING, ProofBy.TEST, place, "a vendor is imitated"
            imitated = None
        for sign in _TESTED:
            if sign.pattern.search(test[1]):
                yield sign.item, ProofBy.TEST, place, f"{sign.told}: {test[1]}"


_INTEGRATES: Final = re.compile(
    r"^[ \t]*(from|import) (hardpoint|requests|httpx2?|aiohttp|urllib3|boto3|tenacity|structlog|"
    + "|".join(sorted(knowledge().sdks))
    + r")\b",
    re.MULTILINE,
)


def _merged(
    proofs: Iterable[tuple[ChecklistItem, ProofBy, str, str]],
) -> dict[ChecklistItem, _Evidence]:
    """A test shows more than a setting, and a setting more than a line of code."""
    order = (ProofBy.TEST, ProofBy.CONFIGURATION, ProofBy.CODE)
    seen: dict[ChecklistItem, _Evidence] = {}
    for item, proof, place, told in proofs:
        known = seen.get(item)
        if known is None or order.index(proof) < order.index(known.proof):
            seen[item] = _Evidence(proof, [place], told)
        elif known.proof is proof and len(known.places) < _PLACES_MAX and place not in known.places:
            known.places.append(place)
    return seen


_PAGE: Final = re.compile(r"webhook|credential|scope|rotat|error code|runbook", re.IGNORECASE)


def _documented(paths: Sequence[Path], root: Path) -> _Evidence | None:
    """A page in words that says where credentials come from, or what to do when it fails."""
    places: list[str] = []
    for start in paths:
        pages = [start] if start.suffix == ".md" else sorted(start.glob("**/*.md"))[:_FILES_MAX]
        for page in pages:
            if any(one.startswith(".") or one == "node_modules" for one in page.parts):
                continue
            if not lies_below(page, start):
                continue
            try:
                with page.open(encoding="utf-8", errors="replace") as file:
                    text = file.read(_PAGE_CHARACTERS_MAX)
            except OSError:
                continue
            if len(set(map(str.lower, _PAGE.findall(text)))) >= 2:
                places.append(_relative(page, root))
    return _Evidence(ProofBy.CODE, places, "pages for those who run it") if places else None


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()
