"""What a process asks of the owner, whoever that is: answered, or asked again of the next one.

Accepts have a queue of their own (`outbox`). What ends a call, and is waited for by nobody, has
one too (`posts`). The rest is here: who asks waits, for ten seconds at most.
"""

import asyncio
import time
from asyncio import _get_running_loop
from collections.abc import Callable
from concurrent.futures import CancelledError as LoopEndedError
from contextlib import suppress
from typing import Any, Final, final

from hardpoint.core.errors import MisuseError, StoreUnavailableError
from hardpoint.store.guests.frames import Frame, FrameError, FrameKind, pack
from hardpoint.store.guests.lines import FrameLine
from hardpoint.store.guests.orders import GuestStore, carry_out
from hardpoint.store.guests.posts import Posts
from hardpoint.store.guests.requests import (
    AskedOfServer,
    CountAsked,
    GuestRequest,
    Told,
    TurnAsked,
    TurnEnded,
    result_in,
    told_in,
)
from hardpoint.store.guests.standing import StoreStanding
from hardpoint.store.journal import AnyCallStep, CallStep
from hardpoint.store.sqlite.gate import TURN_SECONDS, refuse_inside_block

ASK_SECONDS: Final = 10.0
END_SECONDS: Final = 2.0
"""How much longer it may take to hear that a keeper has ended."""
CLOSED: Final = "the store was closed"
_SILENT: Final = "the process that owns the store did not answer in time"
_LOOK_SECONDS: Final = 0.01


@final
class Asks:
    """Asks for one process. What is for any thread says so; the rest belongs to the keeper's loop.

    Args:
        here: what this process is.
        store: to ask where it is the owner.
        loop: the keeper's.
        nudge: has the keeper's loop call `flush`; any thread may.
    """

    def __init__(
        self,
        here: StoreStanding,
        store: GuestStore,
        loop: asyncio.AbstractEventLoop,
        nudge: Callable[[], object],
    ) -> None:
        self.posts = Posts()
        self._here = here
        self._store = store
        self._loop = loop
        self._nudge = nudge
        self._open: dict[int, asyncio.Future[Told | None]] = {}
        self._last = 0
        self._handing: asyncio.Task[None] | None = None
        self._held: dict[int, float] = {}
        """The turns that this process has, and when their time is up."""

    # For any thread

    async def ask(self, asked: GuestRequest) -> Any:
        """Have the owner do it, whoever that is.

        Raises:
            StoreUnavailableError: it was not done, or nobody can tell.
        """
        asking = self._begun(asked)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asking), ASK_SECONDS + END_SECONDS)
        except TimeoutError:  # it was ending just then, and its loop does nothing any more
            raise StoreUnavailableError(CLOSED) from None

    def ask_blocking(self, asked: GuestRequest) -> Any:
        """The same for a thread of its own, which waits.

        Raises:
            MisuseError: an event loop runs in this thread.
            StoreUnavailableError: see `ask`.
        """
        if _get_running_loop() is not None:
            raise MisuseError("The store was asked to block a running event loop; await instead")
        asking = self._begun(asked)
        try:
            return asking.result(ASK_SECONDS + END_SECONDS)
        except (TimeoutError, LoopEndedError):
            raise StoreUnavailableError(CLOSED) from None

    def post(self, step: AnyCallStep) -> None:
        """Have it done in its turn, whoever owns the store by then."""
        self.posts.add(step)
        self._nudge()

    def end_turn(self, number: int) -> None:
        """A turn is over, or wanted no more; who has it back goes on without a word."""
        with suppress(RuntimeError):  # the keeper has ended, and every turn with it
            self._loop.call_soon_threadsafe(self._end_turn, number)

    def _begun(self, asked: GuestRequest) -> Any:
        refuse_inside_block()
        doing = self._ask(asked)
        try:
            return asyncio.run_coroutine_threadsafe(doing, self._loop)
        except RuntimeError:  # it has ended
            doing.close()
            raise StoreUnavailableError(CLOSED) from None

    # In the keeper's loop

    def flush(self) -> None:
        """Say what was posted, to whoever owns the store now."""
        here = self._here
        if not self.posts.owing:
            return
        if here.owner:
            self._handing = self._loop.create_task(self.posts.hand_in(self._store))
        elif here.line is not None:
            self.posts.send(here.line)

    async def keep_turns(self) -> None:
        """This process owns the store now: its writer waits for the turn that one has here."""
        for number in self._turns():
            with suppress(StoreUnavailableError):
                await self._store.turns.lend(None, number)

    def renew_turns(self) -> None:
        """Another owns it now, and is to know of it likewise."""
        for number in self._turns():
            self._say(TurnAsked(number))

    def _turns(self) -> list[int]:
        now = time.monotonic()
        return [number for number, until in self._held.items() if now < until]

    def _end_turn(self, number: int) -> None:
        self._held.pop(number, None)
        self._store.turns.give_back(None, number)
        self._say(TurnEnded(number))

    def _say(self, asked: GuestRequest) -> None:
        """Tell the owner, if there is another; nobody waits for the answer."""
        line = self._here.line
        if line is not None:
            self._last += 1
            line.send(pack(FrameKind.ASK, self._last, asked))

    def answered(self, frame: Frame) -> None:
        """An ANSWER has come.

        Raises:
            FrameError: it is none.
        """
        told = told_in(frame.payload)
        if self.posts.answered(frame.number):
            return
        asking = self._open.pop(frame.number, None)
        if asking is not None:
            _ = asking.cancelled() or asking.set_result(told)

    def end_line(self) -> None:
        """The line has ended: what was not answered is asked again."""
        self.posts.begin_line()
        asks, self._open = self._open, {}
        for asking in asks.values():
            _ = asking.cancelled() or asking.set_result(None)

    async def _ask(self, asked: GuestRequest) -> Any:
        if (task := asyncio.current_task()) is not None:
            task.add_done_callback(_looked_at)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                result = await self._ask_whoever(asked)
        except TimeoutError:
            raise StoreUnavailableError(self._here.problem or _SILENT) from None
        except asyncio.CancelledError:
            if not self._here.stopping:  # whoever asked has gone
                raise
            raise StoreUnavailableError(CLOSED) from None
        if isinstance(asked, TurnAsked):
            self._held[asked.number] = time.monotonic() + TURN_SECONDS
        return result

    async def _ask_whoever(self, asked: GuestRequest) -> Any:
        here, patient = self._here, isinstance(asked, CallStep)
        while True:
            if here.owner:
                if isinstance(asked, AskedOfServer):
                    raise StoreUnavailableError("the store has just passed to this process")
                try:
                    return await carry_out(self._store, asked)
                except StoreUnavailableError:
                    if self._store.is_whole or not patient:
                        raise
            elif here.line is not None:
                told = await self._ask_owner(here.line, asked)
                if told is None and isinstance(asked, CountAsked):
                    return 0  # a count that is lost is better than one that is doubled
                if told is not None:
                    return _given(asked, told)
                continue
            elif here.problem is not None and not patient:
                raise StoreUnavailableError(here.problem)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask_owner(self, line: FrameLine, asked: GuestRequest) -> Told | None:
        """The owner's answer; None when the line has ended, and nobody can tell."""
        self._last += 1
        number = self._last
        data = pack(FrameKind.ASK, number, asked)
        self._open[number] = asking = self._loop.create_future()
        line.send(data)
        try:
            return await asking
        finally:
            self._open.pop(number, None)  # an answer that comes later is for nobody


def _looked_at(task: "asyncio.Task[Any]") -> None:
    """Whoever asked may have gone, and asyncio would print that nobody has seen the error."""
    _ = task.cancelled() or task.exception()


def _given(asked: GuestRequest, told: Told) -> Any:
    if told.error is not None:
        raise StoreUnavailableError(told.error)
    try:
        return result_in(asked, told)
    except FrameError as error:
        raise StoreUnavailableError(str(error)) from error
