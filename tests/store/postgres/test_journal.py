"""What every `Journal` does, asked of PostgreSQL."""

from tests.store.test_journal import *  # noqa: F403 - the tests
