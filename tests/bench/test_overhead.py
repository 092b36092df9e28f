"""The build fails when a policy costs twice its target beside a hand-written floor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.overhead.gates import GATES, TODAY, Gate

ROOT = Path(__file__).parents[2]


def _failed() -> list[str]:
    """What costs twice its target; the firm targets are for a quiet machine, and for the bench."""
    command = [sys.executable, "-m", "bench.overhead", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=300)
    gates = json.loads(done.stdout)["gates"]
    # The libraries of other people are installed for the bench alone.
    assert len(gates) in {len(GATES), len([one for one in GATES if one.beside != TODAY])}
    failed = [gate for gate in gates if gate["verdict"] == "FAILED"]
    assert bool(failed) == (done.returncode == 1)
    return [
        f"{gate['mode']}, {gate['path']}, {gate['name']}: {gate['ratio']} x {gate['beside']}, "
        f"target {gate['target']}"
        for gate in failed
        if gate["ratio"] > 2 * gate["target"]
    ]


def test_no_policy_costs_more_than_twice_its_target() -> None:
    # Other work on the machine may spoil one look, and a second; a real regression fails them all.
    looks = [_failed()]
    while looks[-1] and len(looks) < 3:
        looks.append(_failed())
    assert not looks[-1], looks


def test_a_ratio_over_twice_its_target_is_a_failure() -> None:
    gate = Gate("async", "success", "retry", "floor: retry", 1.4)
    verdicts = [
        gate.verdict(
            {
                ("async", "success", "floor: retry"): 100.0,
                ("async", "success", "hardpoint retry"): ours,
            }
        )
        for ours in (140.0, 141.0, 281.0)
    ]
    assert verdicts == ["met", "missed", "FAILED"]


@pytest.mark.parametrize(("ours", "verdict"), [(89.0, "met"), (91.0, "FAILED")])
def test_a_firm_target_fails_when_it_is_missed(ours: float, verdict: str) -> None:
    gate = Gate("sync", "success", "retry", "hardpoint retry", 0.9, True, "async")
    assert (
        gate.verdict(
            {
                ("async", "success", "hardpoint retry"): 100.0,
                ("sync", "success", "hardpoint retry"): ours,
            }
        )
        == verdict
    )


def test_a_library_that_is_not_there_is_not_compared() -> None:
    gate = Gate("async", "success", "retry", "STACK nobody has", 0.1, firm=True)
    assert gate.verdict({("async", "success", "hardpoint retry"): 100.0}) == "not run"
