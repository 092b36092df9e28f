import pytest

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import UnsupportedError


def test_what_is_declared_is_allowed():
    Capabilities({"fly"}).require("fly", "bird")


def test_what_is_not_declared_names_the_provider_and_the_capability():
    with pytest.raises(UnsupportedError, match="bird does not support swim"):
        Capabilities({"fly"}).require("swim", "bird")
