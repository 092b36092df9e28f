"""Medians of all samples, as a table for people and as JSON."""

import json
import platform
import statistics
from collections.abc import Mapping

from bench.overhead.gates import GATES, Medians

Samples = Mapping[tuple[str, str, str], list[float]]


def medians(samples: Samples) -> Medians:
    return {key: statistics.median(values) for key, values in samples.items()}


def spread(values: list[float]) -> float:
    """From the tenth to the ninetieth percentile, as a share of the median."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    return (high - low) / statistics.median(values)


def as_text(samples: Samples, processes: int, missing: set[str]) -> str:
    middle = medians(samples)
    python = platform.python_version()
    lines = [f"CPU nano-seconds per call; Python {python}, median of {processes} processes"]
    for mode in ("async", "sync"):
        for path in ("success", "failed attempt", "rejection"):
            keys = [key for key in middle if key[:2] == (mode, path)]
            if not keys:
                continue
            bare = middle[mode, path, "bare"]
            lines += ["", f"{mode}, {path}", f"  {'':52}{'ns':>8}{'x bare':>9}{'spread':>8}"]
            for key in sorted(keys, key=middle.__getitem__):
                mark = "*" if key[2].startswith("hardpoint") else " "
                lines.append(
                    f"{mark} {key[2]:52}{middle[key]:8.0f}{middle[key] / bare:9.1f}"
                    f"{spread(samples[key]):8.0%}"
                )
    lines += ["", f"{'target':32}{'':18}{'ns':>8}{'beside':>8}{'ratio':>8}{'target':>8}"]
    for gate in GATES:
        verdict = gate.verdict(middle)
        if verdict != "not run":
            ours, other = (middle[row] for row in gate.rows)
            lines.append(
                f"{gate.mode + ', ' + gate.path:24}{gate.ours:26}{ours:8.0f}{other:8.0f}"
                f"{gate.measured(middle):8.2f}{gate.ratio:8.2f}  {verdict}  beside {gate.beside}"
            )
    if missing:
        lines += ["", "Not installed, left out: " + ", ".join(sorted(missing))]
    return "\n".join(lines)


def as_json(samples: Samples, processes: int, missing: set[str]) -> str:
    middle = medians(samples)
    rows = [
        {
            "mode": mode,
            "path": path,
            "name": name,
            "ns": round(middle[mode, path, name], 1),
            "spread": round(spread(values), 3),
        }
        for (mode, path, name), values in samples.items()
    ]
    gates = [
        {
            "mode": gate.mode,
            "path": gate.path,
            "name": gate.ours,
            "beside": gate.beside,
            "ratio": round(gate.measured(middle), 3),
            "target": round(gate.ratio, 3),
            "firm": gate.firm,
            "verdict": gate.verdict(middle),
        }
        for gate in GATES
        if gate.verdict(middle) != "not run"
    ]
    return json.dumps(
        {
            "python": platform.python_version(),
            "processes": processes,
            "rows": rows,
            "gates": gates,
            "missing": sorted(missing),
        },
        indent=1,
    )
