import asyncio

import pytest

from hardpoint.core.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    OutcomeUnknownError,
)
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.options import Degraded
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.settlement import PLAIN

DEGRADED = Degraded("ConnectionResetError", "crm")


@pytest.fixture
def known():
    """The types known to be plain, as they were before the test."""
    before = set(PLAIN)
    yield PLAIN
    PLAIN.clear()
    PLAIN.update(before)


def test_types_of_results_are_remembered_up_to_a_limit(policy, known):
    guarded = policy(timeout=5)
    for number in range(1100):
        kind = type(f"Kind{number}", (), {})
        assert isinstance(guarded.call(kind), kind)
    assert len(known) == 1000


def test_a_task_that_a_plain_function_gives_is_cancelled_and_refused(policy):
    guarded = policy(timeout=5)

    async def scenario():
        tasks = []

        def start():
            tasks.append(asyncio.ensure_future(asyncio.sleep(60)))
            return tasks[0]

        with pytest.raises(ConfigurationError, match="returned a Task, which no policy guards"):
            guarded.call(start)
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()

    asyncio.run(scenario())


def test_what_can_only_be_awaited_is_refused_as_well(policy):
    class Later:
        def __await__(self):
            yield

    with pytest.raises(ConfigurationError, match="returned a Later"):
        policy(timeout=5).call(Later)


def test_a_refused_call_made_no_attempts_to_note(policy):
    crm = policy(retry=Retry(3), breaker=Breaker(failures=1), bulkhead=Bulkhead(1), deadline=5)
    crm.breaker.force_open()
    with pytest.raises(CircuitOpenError) as refused:
        crm.call(str)
    assert not hasattr(refused.value, "__notes__")
    with crm.with_(breaker=None).guard(), pytest.raises(BulkheadFullError) as refused:
        crm.with_(breaker=None).call(str)
    assert not hasattr(refused.value, "__notes__")


def test_how_long_it_took_is_noted_where_a_part_needs_the_time(policy, clock):
    def fails():
        clock.advance(2)
        raise LookupError

    retry = Retry(3, on=LookupError, backoff=1)
    with pytest.raises(LookupError) as failed:
        policy(retry=retry, timeout=30).call(fails)
    assert failed.value.__notes__ == ["hardpoint: 3 attempts in 8 s, stopped: attempts"]
    with pytest.raises(LookupError) as failed:
        policy(retry=retry).call(fails)
    assert failed.value.__notes__ == ["hardpoint: 3 attempts, stopped: attempts"]


@pytest.mark.parametrize("instead", [{"fallback": "cached"}, {"critical": False}])
def test_no_fallback_hides_that_a_mutating_call_may_have_acted(policy, instead):
    def resets():
        raise ConnectionResetError

    with pytest.raises(OutcomeUnknownError):
        policy(timeout=5, repeat="needs_key", **instead).call(resets)
    assert policy(timeout=5, repeat="safe", **instead).call(resets) in ("cached", DEGRADED)
    assert policy(timeout=5, **instead).call(resets) in ("cached", DEGRADED)
