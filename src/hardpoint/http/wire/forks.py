"""A fork: the child has copies of its parent's connections, and may not use one of them.

What is inherited is let go of at once, in the child, by closing the child's copies alone: nothing
is written, no event loop is told, and the parent's connections live on.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Heir(Protocol):
    """Holds what a child of this process must not have."""

    def forked(self) -> None:
        """This is the child: let go of it and begin anew. Takes no lock, waits for nothing."""
        ...


_heirs: WeakSet[Heir] = WeakSet()


def register(heir: Heir) -> None:
    """Tell it of every fork from now on, as long as it lives."""
    _heirs.add(heir)


def _in_the_child() -> None:
    for heir in tuple(_heirs):
        heir.forked()


os.register_at_fork(after_in_child=_in_the_child)
