from tests.webhooks.test_forwarding import *  # noqa: F403 - the tests
