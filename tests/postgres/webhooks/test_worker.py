from tests.webhooks.test_worker import *  # noqa: F403 - the tests
