"""The rows of the bench: what is measured, declared where it is written."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["async", "sync"]
Path = Literal["success", "failed attempt", "rejection"]
Kind = Literal["bare", "floor", "ours", "peer"]
Function = Callable[..., Any]
Make = Callable[[Function], Function | Awaitable[Function]]

FAR = 3600.0
"""A timeout that never fires."""
PLENTY = 1_000_000_000
"""A limit that never refuses."""

ROWS: dict[tuple[Mode, Path, str], "Row"] = {}


class Boom(Exception):  # noqa: N818 - what the third party answers with
    """The failure everybody is told to expect."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: `make` puts the function it is given under protection.

    success          the function returns
    failed attempt   it fails on every odd call, so a protected call is one failure and one success
    rejection        the circuit that `make` returns is open; the function always fails
    """

    mode: Mode
    path: Path
    name: str
    kind: Kind
    make: Make


def row(mode: Mode, name: str, *paths: Path, kind: Kind | None = None) -> Callable[[Make], Make]:
    """Declare a contender for these paths (`success`, if none is named)."""
    known: Kind = kind or ("floor" if name.startswith("floor") else "peer")

    def declare(make: Make) -> Make:
        for path in paths or ("success",):
            ROWS[mode, path, name] = Row(mode, path, name, known, make)
        return make

    return declare


def target(mode: Mode, path: Path) -> Function:
    """The function to protect."""
    odd = False

    def answer(value: int) -> int:
        nonlocal odd
        if path == "rejection":
            raise Boom
        if path == "failed attempt":
            odd = not odd
            if odd:
                raise Boom
        return value

    if path == "success":

        async def succeed(value: int) -> int:
            return value

        return succeed if mode == "async" else lambda value: value
    if mode == "sync":
        return answer

    async def answer_async(value: int) -> int:
        nonlocal odd
        if path == "rejection":
            raise Boom
        odd = not odd
        if odd:
            raise Boom
        return value

    return answer_async


async def opened(function: Function) -> Function:
    """The same, after failures that open its circuit."""
    for _ in range(20):
        with suppress(Exception):
            await function(1)
    return function


def opened_sync(function: Function) -> Function:
    """As `opened`, for a plain function."""
    for _ in range(20):
        with suppress(Exception):
            function(1)
    return function
