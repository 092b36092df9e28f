from tests.webhooks.test_attempts import *  # noqa: F403 - the tests
