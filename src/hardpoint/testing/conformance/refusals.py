"""What every port refuses before any request is sent: the part that is the same for all."""

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import InvalidRequestError, UnsupportedError
from hardpoint.testing.conformance.modes import check_exercised, skip_unless_declared

PortVerb = Callable[[Any], Any]
"""What a test does with a port."""


class _DriverUnderTest(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...


class RefusingSubject(Protocol):
    """A driver under test."""

    @property
    def driver(self) -> _DriverUnderTest:
        """The driver."""
        ...

    port: Any
    do: Callable[[Any], Any]
    requests: Callable[[], int]


class PortRefusals:
    """A subclass gives the fixture `subject`."""

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest, subject: RefusingSubject) -> None:
        skip_unless_declared(request, subject.driver.capabilities)

    def test_every_declared_capability_is_exercised(self, subject: RefusingSubject) -> None:
        check_exercised(type(self), subject.driver.capabilities)


def unsupported(subject: RefusingSubject, capability: str, call: PortVerb) -> None:
    """A call that needs a capability is refused, and reaches nobody, unless it is declared."""
    if capability in subject.driver.capabilities.flags:
        return
    before = subject.requests()
    with pytest.raises(UnsupportedError):
        subject.do(call(subject.port))
    assert subject.requests() == before


def refused(subject: RefusingSubject, field: str, call: PortVerb, *, done: bool = False) -> None:
    """A call is refused by us, naming the field, and reaches nobody; `done`: it ends by itself."""
    before = subject.requests()
    with pytest.raises(InvalidRequestError) as caught:
        call(subject.port) if done else subject.do(call(subject.port))
    assert caught.value.field == field
    assert caught.value.status is None
    assert subject.requests() == before
