"""How long things are kept."""

import msgspec

from hardpoint.core.errors import ConfigurationError

_DAY = 86_400.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept, in seconds. Unfinished events are never touched.

    Attributes:
        done: body, headers and attempts of done and skipped events, from their end.
        dead: the same of dead and quarantined ones.
        keys: what dedupe rests on, and all that is left with it.
        every: how often a pass starts.
        chunk: events in one transaction of a pass.
    """

    done: float = 30 * _DAY
    dead: float = 90 * _DAY
    keys: float = 400 * _DAY
    every: float = 3_600.0
    chunk: int = 500

    def __post_init__(self) -> None:
        if not 0 < self.done <= self.dead <= self.keys:
            raise ConfigurationError(
                "retention", "done, dead and keys must rise in this order from above zero"
            )
