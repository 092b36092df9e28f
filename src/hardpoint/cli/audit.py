"""`hardpoint audit`: mistakes in integration code, one's own or anybody's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from hardpoint.audit.choosing import (
    AuditInputError,
    Choice,
    baseline_of,
    baseline_text,
    changed_since,
    severity_of,
    shown,
)
from hardpoint.audit.findings import Confidence, Finding, FindingVerdict, Severity
from hardpoint.audit.formats import AuditFormat, annotations, markdown, name_of, plain_values, sarif
from hardpoint.audit.mending import mend
from hardpoint.audit.pages import page_text
from hardpoint.audit.registry import BY_NAME, RULES, chosen
from hardpoint.audit.scanning import AuditReport, default_cache, scan
from hardpoint.cli.failures import CommandError, Exit, Failure, usage
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import Terminal

app = commands()
_UTF8 = ("utf-8", "backslashreplace")
"""The name of a file may be no text."""


@app.command()
def audit(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files and folders. Default: .")
    ] = None,
    *,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Only this rule, or rules that begin so: HP101, HP2."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Not this rule.")] = None,
    severity: Annotated[Severity, typer.Option(help="Only from this severity on.")] = Severity.LOW,
    pedantic: Annotated[
        bool, typer.Option("--pedantic", help="Also what is likely, and what cannot be seen.")
    ] = False,
    form: Annotated[
        AuditFormat, typer.Option("--format", help="How to write it.")
    ] = AuditFormat.TEXT,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Let be what this file lists.")
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write what is found now into --baseline FILE.")
    ] = False,
    diff: Annotated[
        str | None, typer.Option(metavar="REF", help="Only lines that changed since this commit.")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended without changing what it means.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Print this rule's page, and look at nothing."),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Look at every file, changed or not.")
    ] = False,
    json: Json = False,
) -> int:
    """Find mistakes in integration code: signatures, retries, keys, timeouts, money, secrets.

    Nothing that is looked at is run. Exit code 1 means that something was found.
    """
    terminal = terminal_of(context, json=json or form is AuditFormat.JSON)
    if rules or explain is not None:
        return _about(terminal, explain)
    named = paths or [Path()]
    missing = [path for path in named if not path.exists()]
    if missing:
        raise usage(f"{missing[0]} does not exist", hint="hardpoint audit .")
    if write_baseline and baseline is None:
        raise usage("--write-baseline needs --baseline FILE")
    root = Path.cwd()
    choice = _choice(
        select=select, ignore=ignore, severity=severity, pedantic=pedantic, diff=diff, root=root
    )
    report = scan(named, root=root, cache_folder=None if no_cache else default_cache())
    if write_baseline and baseline is not None:
        known = shown(report.findings, choice)
        baseline.write_text(baseline_text(known), encoding="utf-8")
        terminal.show(
            {"written": str(baseline), "findings": len(known)},
            f"{len(known)} findings let be by {baseline}",
        )
        return Exit.OK
    if baseline is not None:
        choice = _with_baseline(choice, baseline)
    findings = shown(report.findings, choice)
    if fix and _mended(terminal, findings):
        report = scan(named, root=root)
        findings = shown(report.findings, choice)
    return _tell(terminal, report, findings, form)


def _choice(
    *,
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    severity: Severity,
    pedantic: bool,
    diff: str | None,
    root: Path,
) -> Choice:
    try:
        wanted = chosen(select or (), ignore or ())
    except KeyError as error:
        raise usage(f"no rule is named {error.args[0]!r}", hint="hardpoint audit --rules") from None
    changed = None
    if diff is not None:
        try:
            changed = changed_since(diff, root)
        except AuditInputError as error:
            raise usage(f"--diff: {error}", hint="git log --oneline") from None
    return Choice(wanted, severity, pedantic, {}, changed)


def _with_baseline(choice: Choice, path: Path) -> Choice:
    try:
        known = baseline_of(path)
    except AuditInputError as error:
        hint = f"hardpoint audit --baseline {path} --write-baseline"
        raise usage(f"--baseline: {error}", hint=hint) from None
    return Choice(choice.rules, choice.severity, choice.pedantic, known, choice.changed)


def _mended(terminal: Terminal, findings: Sequence[Finding]) -> int:
    """Make the safe edits, file by file."""
    count = 0
    for path, own in groupby(sorted(findings, key=lambda one: one.path), key=lambda one: one.path):
        count += mend(Path(path), list(own))
    terminal.say(f"{count} mended")
    return count


def _tell(
    terminal: Terminal, report: AuditReport, findings: Sequence[Finding], form: AuditFormat
) -> int:
    code = Exit.NO if findings else Exit.OK
    failure = None
    if findings:
        failure = Failure(
            code="findings",
            message=f"{len(findings)} findings",
            hint=f"hardpoint audit --explain {findings[0].rule}",
            exit_code=Exit.NO,
        )
    if form is AuditFormat.SARIF:
        terminal.write((sarif(findings, version("hardpoint")) + "\n").encode())
    elif form is AuditFormat.ANNOTATIONS:
        terminal.write("".join(f"{one}\n" for one in annotations(findings)).encode(*_UTF8))
    elif form is AuditFormat.MARKDOWN:
        terminal.write((markdown(findings) + "\n").encode(*_UTF8))
    else:
        counted = Counter(str(one.verdict) for one in report.findings)
        data = {
            "files": report.files,
            "unread": [{"path": one.path, "why": one.message} for one in report.unread],
            "verdicts": dict(sorted(counted.items())),
            "findings": [plain_values(one) for one in findings],
        }
        terminal.show(data, *_lines(report, findings), failure=failure)
    return code


def _lines(report: AuditReport, findings: Sequence[Finding]) -> Iterator[str]:
    for path, own in groupby(findings, key=lambda one: one.path):
        yield path
        for one in own:
            rule = BY_NAME.get(one.rule)
            doubt = "" if one.verdict is FindingVerdict.VIOLATION else f" [{one.verdict}]"
            if one.confidence is not Confidence.HIGH and not doubt:
                doubt = " [likely]"
            yield f"  {one.line}: {one.rule} {name_of(one.rule)} ({severity_of(one)}){doubt}"
            if one.code:
                yield f"      {one.code[:160]}"
            yield f"      {one.message}."
            if rule is not None:
                yield f"      {rule.remedy}"
        yield ""
    yield from (f"{one.path}: {one.message}" for one in report.unread)
    proven = sum(one.verdict is FindingVerdict.PROVEN for one in report.findings)
    yield (
        f"{_count(report.files, 'file')}: {_count(len(findings), 'finding')}, "
        f"{_count(proven, 'place')} proven to be right"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _about(terminal: Terminal, explain: str | None) -> int:
    if explain is None:
        rows = [[one.id, one.name, str(one.severity), str(one.item), one.title] for one in RULES]
        data = [
            {
                "id": one.id,
                "name": one.name,
                "severity": str(one.severity),
                "item": str(one.item),
                "title": one.title,
            }
            for one in RULES
        ]
        terminal.show({"rules": data}, Table(["RULE", "NAME", "SEVERITY", "ITEM", "WHAT"], rows))
        return Exit.OK
    rule = BY_NAME.get(explain) or BY_NAME.get(explain.upper())
    text = page_text(rule.id if rule else explain)
    if text is None:
        raise CommandError(
            f"no rule is named {explain!r}",
            exit_code=Exit.USAGE,
            code="usage",
            hint="hardpoint audit --rules",
        )
    terminal.show({"rule": rule.id if rule else explain, "page": text}, text.rstrip())
    return Exit.OK
