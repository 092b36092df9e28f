"""The nineteen scenarios, in order."""

from bench.peers.scenarios import breaking, limiting, retrying, wrapping
from bench.peers.scenarios.registry import Scenario, all_scenarios

__all__ = ["SCENARIOS", "Scenario", "breaking", "limiting", "retrying", "wrapping"]

SCENARIOS: tuple[Scenario, ...] = all_scenarios()
