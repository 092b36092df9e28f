"""Statements that complete with a job, asked of PostgreSQL."""

from tests.store.test_statements import *  # noqa: F403 - the tests
