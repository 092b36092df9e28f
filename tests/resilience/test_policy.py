import asyncio
import gc
import inspect
import pickle
import threading
import weakref
from contextlib import suppress

import pytest

from hardpoint.core.errors import CircuitOpenError, ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry
from hardpoint.resilience.state import Keyed
from hardpoint.testing import ManualClock


def test_a_decorated_function_keeps_its_name_doc_and_signature(policy):
    @policy()
    def price(sku: str, *, currency: str = "EUR") -> int:
        """The price."""
        return len(sku) + len(currency)

    assert (price.__name__, price.__doc__) == ("price", "The price.")
    assert list(inspect.signature(price).parameters) == ["sku", "currency"]
    assert price("abc", currency="USD") == 6


def test_a_decorated_coroutine_function_stays_one(policy, clock):
    crm = policy(timeout=5)

    @crm
    async def price(sku: str) -> int:
        await asyncio.sleep(1)
        return len(sku)

    async def scenario():
        return await price("abc"), await crm.call(price, "abcd")

    assert inspect.iscoroutinefunction(price)
    assert clock.run(scenario()) == (3, 4)


def test_a_method_can_be_decorated(policy):
    class Shop:
        currency = "EUR"

        @policy(retry=Retry(2, on=OSError, backoff=0))
        def price(self, sku):
            return (self.currency, sku)

    assert Shop().price("abc") == ("EUR", "abc")


def test_generators_are_refused_when_decorated_and_when_called(policy):
    def pages():
        yield 1

    async def live_pages():
        yield 1

    for function in (pages, live_pages):
        for guard in (policy(), policy().call):
            with pytest.raises(ConfigurationError, match="is a generator"):
                guard(function)


def test_one_object_guards_plain_and_coroutine_functions_with_one_state(policy, script, clock):
    crm = policy(breaker=Breaker(failures=2))
    with pytest.raises(OSError):
        crm.call(script(OSError()).plain)

    async def scenario():
        with pytest.raises(OSError):
            await crm.call(script(OSError()).asynchronous)

    clock.run(scenario())
    with pytest.raises(CircuitOpenError):
        crm.call(script("answer").plain)


def test_a_derived_policy_shares_the_parts_that_stayed_the_same(policy, script):
    crm = policy(breaker=Breaker(failures=1), rate=RateLimit(5), retry=Retry(budget=Budget()))
    shorter = crm.with_(timeout=2)
    assert shorter.breaker is crm.breaker
    assert shorter._assembly.states is crm._assembly.states
    other = crm.with_(breaker=Breaker(failures=9))
    assert other.breaker is not crm.breaker
    assert other._assembly.state().meter is crm._assembly.state().meter
    assert other._assembly.state().account is crm._assembly.state().account
    assert other.with_(breaker=None, bulkhead=Bulkhead(1))._assembly.state().meter.interval == 0.2


def test_a_derived_policy_with_another_clock_or_key_shares_nothing(policy):
    crm = policy(breaker=Breaker())
    assert crm.with_(clock=ManualClock()).breaker is not crm.breaker
    keyed = crm.with_(key=lambda host: host)
    assert keyed.keyed("eu").breaker is not crm.breaker


def test_a_derived_policy_is_heard_by_the_same_listeners_or_its_own(policy, script, heard):
    crm, own = policy(), []
    crm.listen(heard.append)
    crm.with_(timeout=5).call(script("answer").plain)
    crm.with_(listeners=Listeners(own.append)).call(script("answer").plain)
    assert (len(heard), len(own)) == (2, 2)  # the attempt and the call


def test_a_policy_for_one_key_ignores_the_arguments(policy, script):
    crm = policy(key=Keyed(lambda host: host), breaker=Breaker(failures=1))
    eu = crm.keyed("eu")
    with pytest.raises(OSError):
        eu.call(script(OSError()).plain, "us")
    assert eu.breaker.state.value == "open"
    assert crm.stats().circuits == {"eu": "open"}
    assert eu.stats().failed == 1
    assert eu.with_(timeout=3).breaker is eu.breaker
    assert crm.keyed("us").stats().failed == 0


def test_what_cannot_be_asked_of_a_policy_is_refused_with_a_way_out(policy):
    with pytest.raises(ConfigurationError, match=r"crm\.breaker: is not set"):
        _ = policy().breaker
    with pytest.raises(ConfigurationError, match=r"Say which: policy\.keyed\(key\)"):
        _ = policy(breaker=Breaker(), key=lambda host: host).breaker
    with pytest.raises(ConfigurationError, match="one state serves all"):
        policy().keyed("eu")
    with pytest.raises(ConfigurationError, match="Say which"):
        policy(key=lambda host: host).attempts()


def test_it_shows_its_name_only(policy):
    assert repr(policy(deadline=3)) == "Policy('crm')"
    assert policy().name == "crm"


def test_stats_are_zero_at_first_and_count_calls_by_how_they_ended(policy, script):
    crm = policy(breaker=Breaker(failures=1), bulkhead=Bulkhead(2))
    assert crm.stats().succeeded == 0
    crm.call(script("answer").plain)
    seen = crm.call(lambda: crm.stats().in_flight)
    with pytest.raises(OSError):
        crm.call(script(OSError()).plain)
    with pytest.raises(CircuitOpenError):
        crm.call(script("answer").plain)
    stats = crm.stats()
    assert (stats.succeeded, stats.failed, stats.refused, seen) == (2, 1, 1, 1)
    assert (stats.in_flight, stats.circuits) == (0, {None: "open"})


def test_a_policy_and_its_functions_can_be_forgotten(clock):
    policy = Policy("crm", timeout=5, breaker=Breaker(), clock=clock)
    forgotten = weakref.ref(policy)
    guarded = policy(lambda: 1)
    guarded()
    del policy, guarded
    gc.collect()
    assert forgotten() is None


def test_a_failed_call_leaves_no_reference_cycle(policy, script, call):
    class Heavy:
        """Something the frame of the failing attempt holds."""

    crm = policy(retry=Retry(2, on=OSError, backoff=0), breaker=Breaker(failures=9))
    held = []

    def fail():
        heavy = Heavy()
        held.append(weakref.ref(heavy))
        raise OSError

    gc.disable()
    try:
        with suppress(OSError):
            crm.call(fail)
        assert [one() for one in held] == [None, None]
    finally:
        gc.enable()


def test_refusals_travel_between_processes(policy, script):
    crm = policy(breaker=Breaker(failures=1))
    crm.breaker.force_open()
    with pytest.raises(CircuitOpenError) as caught:
        crm.call(script("answer").plain)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)


def test_eight_threads_count_every_call_of_a_closed_circuit(policy):
    crm, errors = policy(breaker=Breaker(failures=100_000), bulkhead=Bulkhead(8)), []

    def hammer():
        for turn in range(300):
            try:
                crm.call(work, turn)
            except OSError as error:
                errors.append(error)

    def work(turn):
        if turn % 3 == 0:
            raise OSError

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = crm.stats()
    assert len(errors) == 800
    assert (stats.succeeded, stats.failed, stats.in_flight) == (1600, 800, 0)
