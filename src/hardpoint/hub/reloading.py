"""Reading a configuration again while it is in use: what is wrong with it is told."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

import msgspec

from hardpoint.core.errors import HardpointError
from hardpoint.core.events import Listeners
from hardpoint.core.traces import Place, place_of_defect


class ConfigurationRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A new configuration is wrong; the old one stays in force."""

    severity: ClassVar[str] = "error"
    problem: str
    place: Place | None = None
    """Where in the code, of an error that nobody foresaw; its message may hold anything."""


async def reload_or_tell(reload: Callable[[], Awaitable[None]], listeners: Listeners) -> str | None:
    """Have it read again; gives why it was refused, which the listeners are told."""
    try:
        await reload()
    except Exception as error:  # noqa: BLE001 - whatever it is, the old one stays in force
        ours = isinstance(error, HardpointError)
        problem = str(error) if ours else f"it cannot be read ({type(error).__name__})"
        place = None if ours else place_of_defect(error)
        listeners.emit(ConfigurationRefused(problem=problem, place=place))
        return problem
    return None
