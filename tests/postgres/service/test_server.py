from tests.service.test_server import *  # noqa: F403 - the tests
