from tests.service.test_readiness import *  # noqa: F403 - the tests
