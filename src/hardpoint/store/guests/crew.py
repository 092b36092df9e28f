"""Whoever handles events in the process that owns the store, as its keeper sees them."""

import asyncio
from collections.abc import Sequence
from typing import Protocol


class Crew(Protocol):
    """What works on the store in the process that owns it."""

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop it works in; None while there is none."""
        ...

    def take_up(self) -> None:
        """This process owns the store now. Called in `home`."""
        ...

    async def lay_down(self, *, clean: bool) -> None:
        """It does so no more, or will not in a moment: end what runs. Called in `home`."""
        ...

    def arrived(self, handlers: Sequence[str], source: str) -> None:
        """Guests have brought work for these handlers, or for any. Called in `home`."""
        ...
