"""hardpoint without `await`: the same names, for plain scripts and threads.

Each facade holds the asynchronous object and steps it; inside a running event loop it refuses. All
modules here but `hub` are written by scripts/generate_sync.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardpoint.sync.hub import Hub as Hub

__all__ = ["Hub"]


def __getattr__(name: str) -> object:
    if name == "Hub":
        from hardpoint.sync.hub import Hub

        return Hub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
