import importlib

import pytest

import hardpoint


def test_every_public_name_is_what_its_home_calls_so():
    for name, home in hardpoint._HOMES.items():
        assert getattr(hardpoint, name) is getattr(importlib.import_module(home), name)


def test_the_errors_are_public_names():
    from hardpoint.core.errors import HardpointError

    assert hardpoint.HardpointError is HardpointError
    assert "CircuitOpenError" in dir(hardpoint)
    assert "Hub" in dir(hardpoint)


@pytest.mark.parametrize("name", ["nonsense", "NoSuchError"])
def test_other_names_do_not_exist(name):
    with pytest.raises(AttributeError, match=name):
        getattr(hardpoint, name)
