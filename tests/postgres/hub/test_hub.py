from tests.hub.test_hub import *  # noqa: F403 - the tests
