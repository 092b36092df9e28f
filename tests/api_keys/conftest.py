import pytest

from hardpoint.api_keys import ApiKeys
from hardpoint.core.events import Listeners
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.vault import VaultFile
from hardpoint.testing import ManualClock


class Counted:
    """The vault's tables, and how often somebody looked at them; they fail when told to."""

    def __init__(self, tables):
        self._tables = tables
        self.looks = self.writes = 0
        self.trouble = None

    def __getattr__(self, name):
        return getattr(self._tables, name)

    def reading(self):
        self.looks += 1
        return self._tables.reading()

    def transaction(self):
        if self.trouble is not None:
            raise self.trouble
        self.writes += 1
        return self._tables.transaction()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def tables(tmp_path):
    """Opens the same rows, once more each time."""
    return lambda: VaultFile(tmp_path / "vault.db")


@pytest.fixture
def told():
    return []


@pytest.fixture
def process(tables, clock, told):
    """The keys as one more process sees them."""

    def make(**options):
        counted = Counted(tables())
        listeners = Listeners(told.append)
        keys = ApiKeys(
            counted, **{"work": BlockingWork(), "clock": clock, "listeners": listeners, **options}
        )
        keys.counted = counted
        return keys

    return make


@pytest.fixture
def keys(process):
    return process()
