"""The nineteen defects that were found in resilience libraries are not ours.

The scenarios are those that `python -m bench.peers` puts every library through.
"""

import pytest
from bench.peers.libraries.hardpoint_ import Hardpoint
from bench.peers.scenarios import SCENARIOS, Scenario


def test_the_defects_are_nineteen() -> None:
    assert [scenario.number for scenario in SCENARIOS] == list(range(1, 20))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_defect_of_others_is_not_ours(scenario: Scenario) -> None:
    verdict = scenario.verdict(Hardpoint())
    assert verdict.mark == "right", f"{scenario.title}: {verdict.mark}, {verdict.seen}"
