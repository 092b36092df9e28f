"""Nine ordinary moments, for anyone who refreshes tokens; after each the token has to work.

A contender is a module with a function for each letter: it is given the world, lives through the
moment as its documentation has it, and returns the access token that its application would use.
"""

from dataclasses import dataclass
from types import ModuleType

from bench.vault.world import world

CASES = {
    "a": "Twenty tasks share a client whose token has ended",
    "b": "Two processes hold the same token, and it has ended",
    "c": "Eight threads share a client whose token has ended",
    "d": "New tokens live shorter than the client's margin",
    "e": "The answer of an early refresh is lost; the old token lives yet",
    "f": "The caller is cancelled while the new tokens are being kept; another process goes on",
    "g": "The end of the token is kept with a fraction of a second",
    "h": "Two tasks ask for a refresh outright",
    "i": "The caller runs out of time while the refresh is on its way, and tries again",
}


@dataclass(frozen=True)
class Verdict:
    """Whether the token worked and the grant lives, and what was seen."""

    right: bool
    seen: str


def verdict(contender: ModuleType, case: str) -> Verdict:
    """Put one contender through one case."""
    with world(life=30.0 if case == "d" else 3600.0) as here:
        token = getattr(contender, f"case_{case}")(here)
        refreshes = here.server.ledger.count("refresh")
        refused = here.server.ledger.count("refused")
        alive, works = here.server.alive(), here.works(token)
        count = f"{refreshes} refresh{'es' * (refreshes != 1)}, {refused} refused"
        lost = (
            "" if alive else "; the grant is gone" + (", and its new token with it" * (not works))
        )
        return Verdict(right=alive and works, seen=count + lost)
