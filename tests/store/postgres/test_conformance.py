"""What every `InboxStore` does, asked of PostgreSQL."""

from tests.store.test_conformance import *  # noqa: F403 - the tests
from tests.store.test_lists import *  # noqa: F403
from tests.store.test_operators import *  # noqa: F403
