"""A server that hangs and comes back, and what its callers' policies make of that.

    python -m bench.simulate [--clients N] [--seed S] [--end S] [--json] [--plot FILE]

The same seeded story is played under each strategy: a timeout alone, plain retries, and ours. The
policies are real ones on a virtual clock, not models of them.
"""

from bench.simulate.strategies import STRATEGIES
from bench.simulate.world import History, World, simulate

__all__ = ["STRATEGIES", "History", "World", "simulate"]
