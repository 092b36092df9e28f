"""The real clock."""

import time
from typing import final


@final
class SystemClock:
    """The machine's own time."""

    __slots__ = ()

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
