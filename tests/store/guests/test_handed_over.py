"""What every store and every journal does, asked of a guest and its owner."""

import pytest
from tests.store.test_conformance import *  # noqa: F403 - the tests
from tests.store.test_journal import *  # noqa: F403 - the tests
from tests.store.test_operators import *  # noqa: F403 - the tests

from .handed_over import GuestStage

del test_any_text_is_taken_and_told_from_any_other  # noqa: F821 - halves of characters do not travel


@pytest.fixture
def any_stage(tmp_path):
    return GuestStage(tmp_path)
