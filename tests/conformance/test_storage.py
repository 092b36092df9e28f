"""The reference driver of storage, in both modes; providers' stand in their folders."""

import pytest

from hardpoint.storage.driver import StorageCapability
from hardpoint.storage.memory import MemoryStorage
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

PAGE = 4


def memory(mode, driver, folder):
    return StorageSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        folder=folder,
        page=PAGE,
        unfinished=lambda: len(driver.unfinished),
    )


class TestMemory(StorageConformance):
    @pytest.fixture
    def subject(self, mode, tmp_path):
        return memory(mode, MemoryStorage(page=PAGE), tmp_path)


class TestMemoryThatCanDoLittle(StorageConformance):
    @pytest.fixture
    def subject(self, mode, tmp_path):
        return memory(mode, MemoryStorage(capabilities=frozenset(), page=PAGE), tmp_path)


def test_a_capability_that_no_test_exercises_is_reported(tmp_path):
    class Hollow(StorageConformance):
        test_a_form_is_signed_for_an_object = None
        test_bad_forms_are_not_signed = None

    subject = memory(MODES["blocking"](), MemoryStorage(page=PAGE), tmp_path)
    with pytest.raises(AssertionError, match=StorageCapability.SIGN_POST):
        Hollow().test_every_declared_capability_is_exercised(subject)
