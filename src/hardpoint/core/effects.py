"""What code may ask of the outside world, injected everywhere: time, randomness and ids."""

from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Unix seconds; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean something."""
        ...


class Random(Protocol):
    """Where chance comes from."""

    def __call__(self) -> float:
        """A number from 0 up to, but not including, 1."""
        ...


class Ids(Protocol):
    """Where ids come from."""

    def __call__(self) -> str:
        """A new id that was never made before."""
        ...
