from tests.webhooks.test_inbox import *  # noqa: F403 - the tests
