from tests.webhooks.test_raised import *  # noqa: F403 - the tests
