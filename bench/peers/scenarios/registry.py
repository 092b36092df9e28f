"""How a scenario is declared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.peers.library import Library, Mode
from bench.peers.trial import Trial, run
from bench.peers.verdict import NotOffered, Verdict, merged, not_applicable

_DECLARED: dict[int, "Scenario"] = {}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One defect, told as what a correct library does."""

    number: int
    title: str
    modes: tuple[Mode, ...]
    play: Callable[[Trial], Awaitable[Verdict]]
    everyone: bool
    """Also for libraries that do not claim the mode: what do they do when it is used anyway?"""

    @property
    def name(self) -> str:
        return self.play.__name__

    def verdict(self, library: Library) -> Verdict:
        """Play it in every mode it is about."""
        verdicts: dict[str, Verdict] = {}
        for mode in self.modes:
            if mode not in library.modes and not self.everyone:
                verdicts[mode] = not_applicable(f"no {mode} mode")
                continue
            try:
                verdicts[mode] = run(self.play, Trial(library, mode))
            except NotOffered as gap:
                verdicts[mode] = not_applicable(str(gap))
        return merged(verdicts)


def scenario(
    number: int, title: str, *, modes: tuple[Mode, ...] = ("async", "sync"), everyone: bool = False
) -> Callable[[Callable[[Trial], Awaitable[Verdict]]], Callable[[Trial], Awaitable[Verdict]]]:
    def declare(play: Callable[[Trial], Awaitable[Verdict]]):
        _DECLARED[number] = Scenario(number, title, modes, play, everyone)
        return play

    return declare


def all_scenarios() -> tuple[Scenario, ...]:
    return tuple(_DECLARED[number] for number in sorted(_DECLARED))
