"""What this process is to the store right now, and who is told when that changes."""

import concurrent.futures
from functools import partial
from typing import final

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.events import OwnerFound, OwnerMissing, OwnershipTaken
from hardpoint.store.guests.crew import Crew, Rank, call_home
from hardpoint.store.guests.lines import FrameLine


@final
class StoreStanding:
    """The owner of the store, a guest of its owner, or neither for now.

    Args:
        crew: in whose loop the listeners are told.
        listeners: told of each change.

    Attributes:
        owner: this process has the store open.
        owner_pid: whose guest it is.
        line: to that owner, which has said welcome.
        problem: why it is neither owner nor guest; None while it is or may soon be.
        stop_at: when it takes leave of the store at the latest; None while it is to stay.
        first: has the first outcome.
    """

    def __init__(self, crew: Crew, listeners: Listeners) -> None:
        self.owner = False
        self.owner_pid: int | None = None
        self.line: FrameLine | None = None
        self.problem: str | None = None
        self.stop_at: float | None = None
        self.first: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._crew = crew
        self._listeners = listeners

    @property
    def stopping(self) -> bool:
        """Whether this process is about to take leave of the store."""
        return self.stop_at is not None

    def own(self, boot: int) -> None:
        """It is the owner."""
        self.owner, self.problem = True, None
        self.tell(OwnershipTaken(boot=boot))

    def join(self, line: FrameLine | None, pid: int) -> None:
        """It is a guest of this process."""
        self.line, self.owner_pid, self.problem = line, pid, None
        self.tell(OwnerFound(pid=pid))

    def leave(self) -> None:
        """It is neither, for now."""
        self.owner, self.line, self.owner_pid = False, None, None

    def miss(self, error: Exception) -> None:
        """It is neither, and that will not pass in a moment."""
        if not isinstance(error, StoreError):
            error = StoreUnavailableError(f"{type(error).__name__}: {error}")
        known, self.problem = self.problem, str(error)
        if not self.first.done() and self._crew.rank is not Rank.FRONT:
            self.first.set_exception(error)  # whoever starts it tells
        elif known != self.problem:
            self.tell(OwnerMissing(reason=self.problem))
        self.end_waiting()  # a front waits for an owner for as long as that takes

    def end_waiting(self) -> None:
        """Nobody needs to wait for the first outcome any more."""
        if not self.first.done():
            self.first.set_result(None)

    def tell(self, event: object) -> None:
        """Tell the listeners where they are to hear it; any thread may."""
        emit = partial(self._listeners.emit, event)
        if self._crew.home is None:
            emit()
        else:
            call_home(self._crew, emit)
