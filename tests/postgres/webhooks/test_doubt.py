from tests.webhooks.test_doubt import *  # noqa: F403 - the tests
