"""What happened, as a table and as JSON."""

import json
from collections.abc import Sequence

from bench.simulate.world import History, World

_HEADS = (
    ("", "calls", "answered", "", "requests", "", "", "", ""),
    ("", "", "before", "in all", "", "per call", "peak/s", "wasted", "  served again"),
)
_WIDTHS = (17, 7, 10, 8, 10, 10, 8, 8)


def as_table(histories: Sequence[History], world: World) -> str:
    """A line for each strategy."""
    setting = (
        f"{world.clients} clients with {world.load:g} calls/s, and a server for "
        f"{world.capacity:g}/s that hangs from {world.fails:g} s to {world.back:g} s"
    )
    rows = [_row(head) for head in _HEADS]
    rows += [_row(_figures(history, world)) for history in histories]
    return "\n".join([setting, "", *rows])


def _figures(history: History, world: World) -> tuple[str, ...]:
    seconds = history.recovery(world)
    return (
        history.strategy,
        str(sum(history.calls)),
        f"{history.success(int(world.fails)):.1%}",
        f"{history.success():.1%}",
        str(sum(history.requests)),
        f"{history.amplification:.2f}",
        str(max(history.requests)),
        str(history.wasted),
        "  not until the end" if seconds is None else f"  after {seconds} s",
    )


def _row(cells: Sequence[str]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=False)
    aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return ("".join(aligned) + cells[-1]).rstrip()


def as_json(histories: Sequence[History], world: World) -> str:
    """Everything, for machines."""
    strategies = [
        {
            "strategy": history.strategy,
            "amplification": round(history.amplification, 4),
            "success": round(history.success(), 4),
            "recovery": history.recovery(world),
            "wasted": history.wasted,
            "calls": history.calls,
            "answered": history.answered,
            "requests": history.requests,
        }
        for history in histories
    ]
    whole = {"seed": world.seed, "clients": world.clients, "strategies": strategies}
    return json.dumps(whole, indent=1)
