from itertools import count

import pytest

from hardpoint.core.events import Listeners
from hardpoint.runtime.effects import Effects
from hardpoint.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def effects(clock: ManualClock) -> Effects:
    """By the manual clock; chance is always one half, ids count up."""
    numbers = count(1)
    return Effects(clock, lambda: 0.5, lambda: f"id-{next(numbers)}")


@pytest.fixture
def heard() -> list[object]:
    """The events told to `listeners`."""
    return []


@pytest.fixture
def listeners(heard: list[object]) -> Listeners:
    return Listeners(heard.append)
