"""The nineteen defects that were found in resilience libraries are not ours.

The scenarios are those that `python -m bench.peers` puts every library through.
"""

import pytest
from bench.peers.libraries.hardpoint_ import Hardpoint
from bench.peers.scenarios import SCENARIOS, Scenario

NOT_OFFERED = {"shared_state": "no shared state"}
"""What we have no such part for, and so can neither do right nor wrong."""


def test_the_defects_are_nineteen() -> None:
    assert [scenario.number for scenario in SCENARIOS] == list(range(1, 20))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_defect_of_others_is_not_ours(scenario: Scenario) -> None:
    verdict = scenario.verdict(Hardpoint())
    expected = "not applicable" if scenario.name in NOT_OFFERED else "right"
    assert verdict.mark == expected, f"{scenario.title}: {verdict.mark}, {verdict.seen}"
    if scenario.name in NOT_OFFERED:
        assert NOT_OFFERED[scenario.name] in verdict.seen
