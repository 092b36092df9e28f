"""The port, beside what the conformance suite asks of every driver."""

import pytest

from hardpoint import Hub, Settings
from hardpoint.calls.connection import Connection
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.queues import MemoryQueue, NewQueueMessage, Queue, SentMessage
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sync.queues import Queue as BlockingQueue


def queue_on(driver, **options):
    return BlockingQueue(Queue(driver, Connection("jobs", BlockingRuntime(), **options)))


MANY = [NewQueueMessage(body=b"%d" % number) for number in range(25)]


class Failing:
    """A queue whose batches fail in turn: an error is raised, a number cuts the answer."""

    def __init__(self, *faults, **options):
        self.driver = MemoryQueue(**options)
        self._faults = list(faults)

    def __getattr__(self, name):
        return getattr(self.driver, name)

    async def send_many(self, news, *, idempotency_keys):
        fault = self._faults.pop(0) if self._faults else None
        if isinstance(fault, Exception):
            raise fault
        sent = await self.driver.send_many(news, idempotency_keys=idempotency_keys)
        return sent[:fault]


def test_a_batch_in_doubt_leaves_the_others_as_they_are():
    fault = OutcomeUnknownError("no answer")
    results = queue_on(Failing(None, fault, idempotency=Idempotency.NONE)).send_many(MANY)
    assert list(results.failures) == list(range(10, 20))
    assert all(type(one) is OutcomeUnknownError for one in results.failures.values())
    assert all(isinstance(one, SentMessage) for one in results.outcomes[20:])
    with pytest.raises(OutcomeUnknownError) as caught:
        results.check()
    assert caught.value.__notes__ == ["message 10; 10 of 25 failed"]


def test_an_answer_that_does_not_tell_of_each_is_none():
    results = queue_on(Failing(9, idempotency=Idempotency.NONE)).send_many(MANY[:10])
    (kind,) = {type(one) for one in results.failures.values()}
    assert kind is OutcomeUnknownError
    assert isinstance(results.failures[0].__cause__, UnexpectedResponseError)


def test_what_our_own_policy_refuses_was_not_sent():
    policy = Policy("jobs", retry=None, breaker=Breaker(failures=1))
    results = queue_on(Failing(UnavailableError("down")), policy=policy).send_many(MANY)
    assert list(results.failures) == list(range(25))
    assert [type(results.failures[place]) for place in (0, 10, 20)] == [UnavailableError] * 3
    assert isinstance(results.failures[10].__cause__, CircuitOpenError)


def test_a_request_holds_no_more_bytes_than_the_provider_takes():
    driver = MemoryQueue()
    big = [NewQueueMessage(body=bytes(60_000)) for _ in range(5)]
    queue_on(driver).send_many(big).check()
    assert driver.requests == 2


def test_a_message_of_many_has_the_key_that_it_would_have_alone():
    driver = MemoryQueue()
    queue = queue_on(driver)
    sent = queue.send(b"a", idempotency_key="order-17")
    results = queue.send_many([NewQueueMessage(body=b"a", idempotency_key="order-17")])
    assert results.outcomes == (sent,)


def test_bytes_that_change_afterwards_were_sent_as_they_were():
    driver = MemoryQueue()
    body = bytearray(b"hello")
    queue_on(driver).send(body)
    body[:] = b"other"
    assert driver.messages[0].body == b"hello"


@pytest.mark.parametrize(("timeout", "seconds"), [(10.0, 8), (60.0, 20), (1.0, 0), (None, 20)])
def test_a_look_waits_no_longer_than_an_attempt_may_take(timeout, seconds):
    policy = Policy("jobs", timeout=timeout)
    assert queue_on(MemoryQueue(), policy=policy).wait_seconds == seconds
    assert queue_on(MemoryQueue()).wait_seconds == 20


def test_a_hub_without_the_connection_says_so():
    with pytest.raises(ConfigurationError, match=r"connections\.jobs"):
        Hub(Settings()).queue("jobs")


def test_one_key_for_two_messages_of_a_call_is_refused():
    driver = MemoryQueue(idempotency=Idempotency.NONE)
    queue = BlockingQueue(Queue(driver, Connection("jobs", BlockingRuntime())))
    one, other = (NewQueueMessage(body=body, idempotency_key="k") for body in (b"1", b"2"))
    with pytest.raises(InvalidRequestError) as caught:
        queue.send_many([one, other])
    assert caught.value.field == "messages[1].idempotency_key"
    assert driver.messages == ()
    queue.send_many([one, one]).check()
