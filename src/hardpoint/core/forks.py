"""What a forked child must not go on with: locks and places that other threads had.

A fork copies the memory of a process and one of its threads. What the others held is held for ever
in the child; so whoever keeps such state says how to begin anew there.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Forgetful(Protocol):
    """Has state that belongs to the threads of one process."""

    def forget(self) -> None:
        """Begin anew; called in the child, before anything else runs there."""
        ...


_known: "WeakSet[Forgetful]" = WeakSet()


def forget_in_child(one: Forgetful) -> None:
    """Have `one.forget()` called in every child that is forked while it lives."""
    _known.add(one)


def _in_child() -> None:
    for one in list(_known):
        one.forget()


os.register_at_fork(after_in_child=_in_child)
