import pytest


@pytest.fixture(autouse=True)
def killed(unmeasured):
    """What is killed has nothing to say about its lines."""
