"""What a guest has asked the owner, until it is answered or the line ends."""

import asyncio
from typing import final

from hardpoint.store.guests.frames import Frame, FrameKind, GuestRequest, Told, pack, told_in
from hardpoint.store.guests.lines import FrameLine


@final
class Asks:
    """Belongs to one loop."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[Told | None]] = {}
        self._last = 0

    async def ask(self, line: FrameLine, asked: GuestRequest) -> Told | None:
        """The owner's answer; None when the line has ended, and nobody can tell."""
        self._last += 1
        number = self._last
        self._open[number] = asking = asyncio.get_running_loop().create_future()
        line.send(pack(FrameKind.ASK, number, asked))
        try:
            return await asking
        finally:
            self._open.pop(number, None)  # an answer that comes later is for nobody

    def answered(self, frame: Frame) -> None:
        """An ANSWER has come.

        Raises:
            FrameError: it is none.
        """
        told = told_in(frame.payload)
        asking = self._open.pop(frame.number, None)
        if asking is not None:
            _ = asking.cancelled() or asking.set_result(told)

    def end_line(self) -> None:
        """The line has ended."""
        asks, self._open = self._open, {}
        for asking in asks.values():
            _ = asking.cancelled() or asking.set_result(None)
