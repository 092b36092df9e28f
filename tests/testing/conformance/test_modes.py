"""One suite, two modes: each gives a port's values and iterators in its own way."""

import pytest

from hardpoint.runtime.blocking import iterate
from hardpoint.testing.conformance.modes import MODES, AsyncMode, BlockingMode


class Port:
    async def number(self):
        return 7

    async def numbers(self):
        for number in range(3):
            yield number


class Facade:
    def __init__(self, port):
        self.port = port

    def number(self):
        return 7

    def numbers(self):
        return iterate(self.port.numbers())


@pytest.mark.parametrize("name", MODES)
def test_values_and_iterators_come_out_alike(name):
    mode = MODES[name]()
    port = mode.port(Port(), Facade)
    assert mode.do(port.number()) == 7
    assert mode.items(port.numbers()) == [0, 1, 2]
    assert mode.transport()
    mode.close()


def test_each_mode_has_its_port():
    port = Port()
    mode = AsyncMode()
    assert mode.port(port, Facade) is port
    mode.close()
    assert BlockingMode().port(port, Facade).port is port
