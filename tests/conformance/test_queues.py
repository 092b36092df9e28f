"""The reference driver, held to what every driver of queues must do, in both modes."""

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.queues.driver import QueueCapability
from hardpoint.queues.memory import UNSENDABLE, MemoryQueue
from hardpoint.testing.conformance.queues import QueueConformance, QueueSubject


def subject_of(mode, driver):
    return QueueSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        dead=lambda: [(message.body, reason) for message, reason in driver.dead],
        unsendable=UNSENDABLE,
    )


class TestMemory(QueueConformance):
    @pytest.fixture
    def subject(self, mode):
        return subject_of(mode, MemoryQueue())


class TestPlain(QueueConformance):
    """A queue that can do nothing beside what each can."""

    @pytest.fixture
    def subject(self, mode):
        driver = MemoryQueue(
            capabilities=frozenset[QueueCapability](), idempotency=Idempotency.NONE
        )
        return subject_of(mode, driver)


class TestOrdered(QueueConformance):
    """A queue that keeps the order of each group, and of nothing else."""

    @pytest.fixture
    def subject(self, mode):
        return subject_of(mode, MemoryQueue(needs_group=True))
