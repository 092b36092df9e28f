from tests.webhooks.test_suspects import *  # noqa: F403 - the tests
