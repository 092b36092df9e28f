from tests.hub.test_hub import *  # noqa: F403 - the tests

from .conftest import folder  # noqa: F401 - in the place of theirs
