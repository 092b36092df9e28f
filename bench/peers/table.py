"""The verdicts as text, JSON and a Markdown page."""

import json
import platform
from dataclasses import asdict

from bench.peers.scenarios import SCENARIOS
from bench.peers.verdict import Verdict

Results = dict[str, tuple[str, dict[int, Verdict]]]
"""Library -> its version and what each scenario said."""

SIGNS = {"right": "yes", "wrong": "**no**", "not applicable": "-"}
HUNG = Verdict("wrong", "did not end")

PAGE = """\
# Nineteen defects, eleven libraries

Each row is about a defect that was found in a resilience library. It says what a correct library
does instead. The code in `bench/peers` puts every library through the same scenario. Each library
is set up as its own documentation recommends; if an option avoids the defect, it is set.

- *yes*: the library does what the row says.
- **no**: it does not. The notes below say what was seen.
- -: it has no such part.

In row 15 the libraries that only retry are wrapped around circuitbreaker. The retries of interlock
are those of tenacity. A row says what happens, not how much it matters to you, and a library that
does one thing has few rows.

Written by `python -m bench.peers --write docs/reference/peers.md` (Python {python}).
"""


def as_text(results: Results) -> str:
    """Every verdict on a line, then the counts."""
    lines: list[str] = []
    for name, (version, verdicts) in results.items():
        lines.append(f"{name}  ({version})")
        for scenario in SCENARIOS:
            verdict = verdicts.get(scenario.number, HUNG)
            if verdict.mark != "not applicable":
                mark = {"right": "right", "wrong": "WRONG"}[verdict.mark]
                lines.append(f"  {scenario.number:2} {mark}  {scenario.title}")
                if verdict.seen:
                    lines.append(f"              {verdict.seen}")
        counts = _counts(verdicts)
        lines.append("  " + ", ".join(f"{n} {mark}" for mark, n in counts.items()))
        lines.append("")
    return "\n".join(lines)


def as_json(results: Results) -> str:
    return json.dumps(
        {
            name: {
                "version": version,
                "verdicts": {str(number): asdict(v) for number, v in verdicts.items()},
            }
            for name, (version, verdicts) in results.items()
        },
        indent=1,
    )


def as_page(results: Results, absent: list[str]) -> str:
    """The page `docs/reference/peers.md`."""
    names = list(results)
    head = "| # | a correct library | " + " | ".join(names) + " |"
    rows = [head, "|---:|---|" + ":---:|" * len(names)]
    for scenario in SCENARIOS:
        signs = [SIGNS[results[n][1].get(scenario.number, HUNG).mark] for n in names]
        rows.append(f"| {scenario.number} | {scenario.title} | " + " | ".join(signs) + " |")
    for mark, word in (("right", "yes"), ("wrong", "no")):
        counts = [str(_counts(results[n][1])[mark]) for n in names]
        rows.append(f"| | *{word}* | " + " | ".join(counts) + " |")
    notes = ["## What was seen", ""]
    for scenario in SCENARIOS:
        seen = {n: results[n][1].get(scenario.number, HUNG) for n in names}
        faults = [f"- {n}: {v.seen}" for n, v in seen.items() if v.mark == "wrong"]
        if faults:
            notes += [f"**{scenario.number}. {scenario.title}**", "", *faults, ""]
    versions = ["## Versions", ""] + [f"- {n}: {results[n][0]}" for n in names]
    if absent:
        versions += ["", "Not installed, not run: " + ", ".join(absent) + "."]
    page = PAGE.format(python=platform.python_version())
    return "\n".join([page, *rows, "", *notes, *versions, ""])


def _counts(verdicts: dict[int, Verdict]) -> dict[str, int]:
    counts = dict.fromkeys(SIGNS, 0)
    for scenario in SCENARIOS:
        counts[verdicts.get(scenario.number, HUNG).mark] += 1
    return counts
