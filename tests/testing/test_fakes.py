"""Fakes for the length of a test, without pytest's fixtures."""

import pytest

from hardpoint import testing
from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes.ledger import Ledger
from hardpoint.testing import Fakes


class Vendor:
    name = "vendor"

    def __init__(self):
        self.ledger = Ledger()


def test_they_are_stopped_together():
    with Fakes(seed=3) as fakes:
        named, built = fakes("stripe"), fakes(Vendor())
        assert fakes.servers == [named, built]
        assert named.faults.seed == 3
        assert fakes.told()[1] == (f"fake vendor at {built.url}", "nothing reached it")
        threads = [server._thread for server in fakes.servers]
    assert not any(thread.is_alive() for thread in threads)


def test_a_fake_may_leave_out_what_its_vendor_may():
    with Fakes() as fakes:
        assert fakes("stripe", optional_fields=False).app._optional_fields is False
        assert fakes("stripe").app._optional_fields is True


def test_a_vendor_that_nobody_imitates_is_refused():
    with Fakes() as fakes, pytest.raises(ConfigurationError, match="has no fake"):
        fakes("nobody")


def test_every_public_name_is_there_when_it_is_asked_for():
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        testing.Nothing  # noqa: B018
