from tests.webhooks.test_places import *  # noqa: F403 - the tests
