"""What a scenario says about a library."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["right", "wrong", "not applicable"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer; `seen` is what was observed, or why the scenario does not apply."""

    mark: Mark
    seen: str = ""


class NotOffered(Exception):  # noqa: N818 - a fact about a library, not an error of ours
    """The library has no such part; its first argument says which."""


def right(seen: str = "") -> Verdict:
    return Verdict("right", seen)


def wrong(seen: str) -> Verdict:
    return Verdict("wrong", seen)


def not_applicable(why: str) -> Verdict:
    return Verdict("not applicable", why)


def judged(findings: list[str], seen: str = "") -> Verdict:
    """Wrong if anything was found, else right."""
    return wrong("; ".join(findings)) if findings else right(seen)


def merged(verdicts: dict[str, Verdict]) -> Verdict:
    """One verdict of several modes: wrong if one is, not applicable if all are."""
    counted = {mode: v for mode, v in verdicts.items() if v.mark != "not applicable"}
    if not counted:
        return not_applicable("; ".join(dict.fromkeys(v.seen for v in verdicts.values())))
    faults = {mode: v.seen for mode, v in counted.items() if v.mark == "wrong"}
    if faults:
        alike = len(faults) == len(counted) and len(set(faults.values())) == 1
        said = faults.values() if alike else (f"{mode}: {seen}" for mode, seen in faults.items())
        return wrong("; ".join(dict.fromkeys(said)))
    return right("; ".join(dict.fromkeys(v.seen for v in counted.values() if v.seen)))
