"""The bench of the vault runs; its page says what its cases show."""

import re
from pathlib import Path

import pytest
from bench.vault import authlib_side, cost, hardpoint_side
from bench.vault.cases import CASES, Verdict, verdict
from bench.vault.page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "refresh.md"
LOST_BY_AUTHLIB = set("bcdefhi")


@pytest.mark.parametrize("case", CASES)
def test_the_vault_loses_no_grant(case):
    found = verdict(hardpoint_side, case)
    assert found.right, found.seen


@pytest.mark.parametrize("case", ["b", "e"])
def test_the_peer_is_put_through_the_same(case):
    assert not verdict(authlib_side, case).right


def test_the_page_is_what_the_bench_writes():
    results = {
        side.NAME: {case: Verdict(right=case not in lost, seen="") for case in CASES}
        for side, lost in ((hardpoint_side, set()), (authlib_side, LOST_BY_AUTHLIB))
    }
    rows = re.compile(r"^\| [A-I] \| .* (?:yes|\*\*no\*\*) \|$", re.MULTILINE)
    written, wanted = PAGE.read_text(), page(results)
    assert rows.findall(written) == rows.findall(wanted)
    assert written.partition("| | |")[0] == wanted.partition("| | |")[0]


def test_costs_are_measured_and_targets_named():
    best = cost.measured(rounds=1)
    assert set(best) == {*cost.rows(), "fresh token"}
    slow = dict.fromkeys(best, 1.0) | {"fresh token": 9.0, "seal": 9.0, "open": 9.0}
    assert [one.split()[0] for one in cost.missed(slow)] == ["a", "seal", "open"]
    assert cost.missed(dict.fromkeys(best, 1.0)) == []
