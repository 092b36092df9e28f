"""Reading the configuration again: on request, or when a file it rests on has changed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

from hardpoint.core.events import Listeners
from hardpoint.hub.reloading import reload_or_tell

POLL_SECONDS = 1.0

_Stamp = tuple[int, int, int] | None


@final
class Reloader:
    """Watches files by polling: no dependency, and it sees through links and mounted volumes.

    Args:
        reload: reads the configuration again, or raises and leaves the old one in force.
        files: what it rests on now.
        listeners: told `ConfigurationRefused`.
        poll: seconds between two looks.

    Attributes:
        problem: why the newest configuration was refused; None when it is in force.
    """

    def __init__(
        self,
        reload: Callable[[], Awaitable[None]],
        files: Callable[[], Sequence[Path]],
        *,
        listeners: Listeners,
        poll: float = POLL_SECONDS,
    ) -> None:
        self.problem: str | None = None
        self._reload = reload
        self._files = files
        self._listeners = listeners
        self._poll = poll
        self._asked = asyncio.Event()
        self._seen = _stamps(files())

    def request(self) -> None:
        """Read it again now, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Look and reload for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._poll)
            await self.check()

    async def check(self) -> bool:
        """Look once, and reload if asked to or if anything changed; gives whether it did."""
        # Looked at before it is read: what changes in between is seen the next time.
        stamps = await asyncio.to_thread(_stamps, self._files())
        if stamps == self._seen and not self._asked.is_set():
            return False
        self._asked.clear()
        self._seen = stamps
        self.problem = await reload_or_tell(self._reload, self._listeners)
        if self.problem is None:
            named_now = await asyncio.to_thread(_stamps, self._files())
            self._seen = {path: stamps.get(path, stamp) for path, stamp in named_now.items()}
        return True


def _stamps(files: Sequence[Path]) -> dict[Path, _Stamp]:
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
