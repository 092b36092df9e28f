from tests.hub.test_failure import *  # noqa: F403 - the tests
