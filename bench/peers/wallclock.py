"""A wall clock that shows another time, for libraries that do not take a clock."""

import datetime as dt
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def moved(seconds: float, packages: tuple[str, ...]) -> Iterator[None]:
    """Inside, `time.time` and the packages' `datetime` are so many seconds ahead."""
    offset = dt.timedelta(seconds=seconds)
    true_time = time.time

    def shown() -> float:
        return true_time() + seconds

    class Moved(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + offset

        @classmethod
        def utcnow(cls):
            return super().now(dt.UTC).replace(tzinfo=None) + offset

    module = ModuleType("datetime")
    module.__dict__.update(vars(dt) | {"datetime": Moved})
    swaps = [(dt, module), (dt.datetime, Moved), (true_time, shown)]
    undo = [(time, "time", true_time)]
    for holder in [m for name, m in sys.modules.items() if name.partition(".")[0] in packages]:
        for attribute, value in list(vars(holder).items()):
            for true, swapped in swaps:
                if value is true:
                    undo.append((holder, attribute, true))
                    setattr(holder, attribute, swapped)
    time.time = shown
    try:
        yield
    finally:
        for holder, attribute, true in undo:
            setattr(holder, attribute, true)
