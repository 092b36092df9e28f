"""Reading the store for a page: in a thread, within a bound, never on the event loop."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Final, TypeVar, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.hub.hub import Hub
from hardpoint.store.views import StoreReader

LOOKS_MAX: Final = 16
"""Pages that read at a time; beyond it people are asked to come again."""
PATIENCE_SECONDS: Final = 12.0

_Found = TypeVar("_Found")


@final
class StoreLook:
    """Looks into a hub's store.

    Args:
        hub: whose.
        patience: seconds until a page says that there was no answer.
    """

    def __init__(self, hub: Hub, *, patience: float = PATIENCE_SECONDS) -> None:
        self._hub = hub
        self._patience = patience
        self._looks = 0

    async def __call__(self, what: Callable[[StoreReader], _Found]) -> _Found:
        """What a function finds there.

        Raises:
            StoreError: it cannot be read, or not now.
        """
        if self._looks >= LOOKS_MAX:
            raise StoreUnavailableError("too many pages are read at this moment: try again")

        def look() -> _Found:
            with closing(self._hub.reader()) as reader:
                return what(reader)

        self._looks += 1
        looking = asyncio.ensure_future(asyncio.to_thread(look))
        looking.add_done_callback(self._looked)
        done, _ = await asyncio.wait({looking}, timeout=self._patience)
        if not done:  # the thread ends by the reader's own limit
            raise StoreUnavailableError(f"the store gave no answer in {self._patience:g} s")
        return looking.result()

    def _looked(self, looking: "asyncio.Future[_Found]") -> None:
        self._looks -= 1
        if not looking.cancelled():
            looking.exception()  # heard, also where nobody waits for it any more
