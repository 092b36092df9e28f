"""What the suites of all ports share: the driver under test, and refusals before any request."""

from collections.abc import Callable
from typing import Any

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import InvalidRequestError, UnsupportedError
from hardpoint.testing.conformance.modes import Mode, check_exercised, skip_unless_declared

PortVerb = Callable[[Any], Any]
"""What a test does with a port."""


Portable = Callable[[Any, Connection], Any]


class PortSubject:
    """A driver under test, as a port's users reach it.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode.
        portable: the port's type.
        facade: its blocking twin.
        name: of the connection.
        requests: how many requests reached the provider.
    """

    def __init__(
        self,
        mode: Mode,
        driver: Any,
        portable: Portable,
        facade: Callable[[Any], Any],
        *,
        name: str,
        requests: Callable[[], int],
    ) -> None:
        self.driver = driver
        self.requests = requests
        self.port = mode.port(portable(driver, Connection(name, mode.runtime)), facade)
        self.do = mode.do


class PortRefusals:
    """A subclass gives the fixture `subject`."""

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest, subject: PortSubject) -> None:
        skip_unless_declared(request, subject.driver.capabilities)

    def test_every_declared_capability_is_exercised(self, subject: PortSubject) -> None:
        check_exercised(type(self), subject.driver.capabilities)


def unsupported(subject: PortSubject, capability: str, call: PortVerb) -> None:
    """A call that needs a capability is refused, and reaches nobody, unless it is declared."""
    if capability in subject.driver.capabilities.flags:
        return
    before = subject.requests()
    with pytest.raises(UnsupportedError):
        subject.do(call(subject.port))
    assert subject.requests() == before


def refused(subject: PortSubject, field: str, call: PortVerb, *, done: bool = False) -> None:
    """A call is refused by us, naming the field, and reaches nobody; `done`: it ends by itself."""
    before = subject.requests()
    with pytest.raises(InvalidRequestError) as caught:
        call(subject.port) if done else subject.do(call(subject.port))
    assert caught.value.field == field
    assert caught.value.status is None
    assert subject.requests() == before
