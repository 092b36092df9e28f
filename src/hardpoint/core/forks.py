"""A fork: what the child must not go on with, and what no fork may cut through.

A fork copies the memory of a process and one of its threads. What the others held is held for ever
in the child, so whoever keeps such state says how to begin anew there. What cannot begin anew,
because it is kept inside a library (SQLite's own locks), is used in sections, which a fork waits
for.
"""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Generic, NoReturn, Protocol, TypeVar, final
from weakref import WeakSet

Made = TypeVar("Made")

SECTION_SECONDS: Final = 10.0
"""How long a fork waits for sections to end."""


CAME_BACK: Final = 70
"""How a child ends that has come back to its parent's work."""
_CAME_BACK: Final = (
    b"hardpoint: a handler, or other code in the event loop, has forked, and the child came back. "
    b"It was ended, since it would go on with its parent's connections and jobs: end it with "
    b"os._exit, or use subprocess\n"
)


class Forgetful(Protocol):
    """Has state that belongs to the threads of one process."""

    def forget(self) -> None:
        """Begin anew. Called in the child, before anything else runs there: takes no lock."""
        ...


@final
class ForkGate:
    """Sections and forks, of which one waits for the other.

    Args:
        patience: seconds that each waits at most.
    """

    def __init__(self, patience: float = SECTION_SECONDS) -> None:
        self._patience = patience
        self._inside: dict[int, set[object]] = {}
        self.interrupted = False
        """Whether a fork has cut through a section: this is a child, and that section's state lost.
        """
        self.forget()

    def forget(self) -> None:
        """In the child: who was inside is a thread of the parent's."""
        self.interrupted = self.interrupted or bool(self._inside)
        self._changed = threading.Condition()
        self._inside = {}
        self._forks = 0

    @contextmanager
    def section(self) -> Generator[None]:
        """Something that no fork may cut through; short, and it may hold another section."""
        me, mine = threading.get_ident(), object()
        try:
            with self._changed:
                if me not in self._inside:
                    self._changed.wait_for(lambda: not self._forks, self._patience)
                self._inside.setdefault(me, set()).add(mine)
            yield
        finally:
            try:
                self._left(me, mine)
            except BaseException:  # a signal's handler raised it: no fork may wait for this one
                self._left(me, mine)
                raise

    def _left(self, me: int, mine: object) -> None:
        with self._changed:
            inside = self._inside.get(me, set())
            inside.discard(mine)
            if not inside:
                self._inside.pop(me, None)
                self._changed.notify_all()

    def before(self) -> None:
        """This thread is about to fork: wait for the sections of all others, and let none begin."""
        me = threading.get_ident()
        with self._changed:
            self._forks += 1
            self._changed.wait_for(lambda: self._inside.keys() <= {me}, self._patience)

    def after_in_parent(self) -> None:
        """It has forked, or could not."""
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


@final
class MadeOnce(Generic[Made]):
    """Something that is made when it is first needed: once, however many threads ask for it.

    Args:
        make: makes it; what it raises is raised, and the next one who asks tries again.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: list[Made] = []
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """In the child: it keeps what its parent has made; another thread may have had the lock."""
        self._lock = threading.RLock()

    def get(self) -> Made:
        """It, made now if need be."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def known(self) -> Made | None:
        """It, if it has been made."""
        return self._made[0] if self._made else None

    def take(self) -> Made | None:
        """It, to be done away with; the next one who asks has it made anew."""
        with self._lock:
            return self._made.pop() if self._made else None


_known: "WeakSet[Forgetful]" = WeakSet()
_gate: Final = ForkGate()
undivided = _gate.section


def forget_in_child(one: Forgetful) -> None:
    """Have `one.forget()` called in every child that is forked while it lives."""
    _known.add(one)


def interrupted() -> bool:
    """Whether the fork that made this process has cut through a section of another thread's."""
    return _gate.interrupted


def end_child(code: int = CAME_BACK) -> NoReturn:
    """End a forked child that has come back to what its parent runs: its connections, its jobs.

    Args:
        code: what it was to end with, if that was said.
    """
    if code == CAME_BACK:
        os.write(2, _CAME_BACK)
    os._exit(code)


def end_if_child(process: int, error: BaseException | None = None) -> None:
    """End this process if it is a child of the one that called a user's function.

    Args:
        process: which that was.
        error: what the function has raised; of `SystemExit` the code counts.
    """
    if os.getpid() == process:
        return
    if not isinstance(error, SystemExit):
        end_child()
    end_child(error.code if isinstance(error.code, int) else int(error.code is not None))


def _in_child() -> None:
    _gate.forget()
    for one in list(_known):
        one.forget()


os.register_at_fork(
    before=_gate.before, after_in_parent=_gate.after_in_parent, after_in_child=_in_child
)
