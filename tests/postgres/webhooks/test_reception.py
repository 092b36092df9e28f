from tests.webhooks.test_reception import *  # noqa: F403 - the tests
