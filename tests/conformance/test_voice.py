"""The driver in memory, held to what every driver must do; those of providers in their folders."""

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.testing.conformance.voice import VoiceConformance, VoiceSubject
from hardpoint.voice.memory import UNCALLABLE, MemoryVoice


def memory(mode, driver):
    told = iter(range(1_000_000))

    def proceed(call_id, statuses):
        for status in statuses:
            driver.proceed(call_id, status)

    return VoiceSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        uncallable=UNCALLABLE,
        proceed=proceed,
        events=lambda: [str(next(told)).encode() for _ in driver.events],
    )


class TestMemory(VoiceConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryVoice())

    test_no_text_becomes_markup = None  # it writes JSON


class TestMemoryThatCanDoLittle(TestMemory):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryVoice(capabilities=frozenset(), idempotency=Idempotency.NONE))
