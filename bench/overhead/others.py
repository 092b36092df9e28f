"""Other libraries, each set up like ours: three attempts, five failures, no delay.

A library that is not installed is reported and left out.
"""

import asyncio

from bench.overhead.rows import FAR, PLENTY, Boom, Function, opened, opened_sync, row

BOTH = ("success", "failed attempt")


def timed(f: Function) -> Function:
    async def call(x):
        async with asyncio.timeout(FAR):
            return await f(x)

    return call


# Retries


def tenacity_(f: Function) -> Function:
    import tenacity as t

    return t.retry(
        stop=t.stop_after_attempt(3),
        wait=t.wait_none(),
        retry=t.retry_if_exception_type(Boom),
        reraise=True,
    )(f)


def stamina_(f: Function) -> Function:
    import stamina

    stamina.instrumentation.set_on_retry_hooks([])  # else it writes a line for each retry
    return stamina.retry(
        on=Boom, attempts=3, timeout=None, wait_initial=0, wait_max=0, wait_jitter=0
    )(f)


def backoff_(f: Function) -> Function:
    import backoff

    return backoff.on_exception(
        backoff.constant, Boom, max_tries=3, interval=0, jitter=None, logger=None
    )(f)


for name, make in (("tenacity", tenacity_), ("stamina", stamina_), ("backoff", backoff_)):
    row("async", name, *BOTH)(make)
    row("sync", name, *BOTH)(make)


@row("async", "hyx retry", *BOTH)
def _(f: Function) -> Function:
    from hyx.retry import retry

    return retry(on=Boom, attempts=2, backoff=0.0)(f)


# Breakers


def circuitbreaker_(f: Function) -> Function:
    from circuitbreaker import CircuitBreaker

    return CircuitBreaker(
        failure_threshold=5, recovery_timeout=FAR, expected_exception=Boom, name=f"{id(f)}"
    )(f)


def aiobreaker_(f: Function) -> Function:
    from datetime import timedelta

    from aiobreaker import CircuitBreaker

    return CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=FAR))(f)


def pybreaker_(f: Function) -> Function:
    from pybreaker import CircuitBreaker

    return CircuitBreaker(fail_max=5, reset_timeout=FAR)(f)


def purgatory_(f: Function) -> Function:
    import purgatory

    return purgatory.AsyncCircuitBreakerFactory(default_ttl=FAR)("service")(f)


def purgatory_sync(f: Function) -> Function:
    import purgatory

    return purgatory.SyncCircuitBreakerFactory(default_ttl=FAR)("service")(f)


def hyx_breaker(f: Function) -> Function:
    from hyx.circuitbreaker import consecutive_breaker

    return consecutive_breaker(exceptions=Boom, failure_threshold=5, recovery_time_secs=FAR)(f)


def interlock_(f: Function) -> Function:
    from interlock import CircuitBreaker, Config

    return CircuitBreaker(name="service", config=Config(wait_duration_in_open=FAR))(f)


for name, make in (
    ("circuitbreaker", circuitbreaker_),
    ("aiobreaker", aiobreaker_),
    ("purgatory", purgatory_),
    ("hyx breaker", hyx_breaker),
    ("interlock breaker", interlock_),
):
    row("async", name)(make)
    row("async", name, "rejection")(lambda f, make=make: opened(make(f)))
for name, make in (
    ("circuitbreaker", circuitbreaker_),
    ("aiobreaker", aiobreaker_),
    ("pybreaker", pybreaker_),
    ("purgatory", purgatory_sync),
    ("interlock breaker", interlock_),
):
    row("sync", name)(make)
    row("sync", name, "rejection")(lambda f, make=make: opened_sync(make(f)))


# Timeouts, bulkheads, limits


@row("async", "asyncio.timeout")
def _(f: Function) -> Function:
    return timed(f)


@row("async", "asyncio.wait_for")
def _(f: Function) -> Function:
    async def call(x):
        return await asyncio.wait_for(f(x), FAR)

    return call


@row("async", "asyncio.Semaphore")
def _(f: Function) -> Function:
    slots = asyncio.Semaphore(100)

    async def call(x):
        async with slots:
            return await f(x)

    return call


@row("async", "hyx timeout")
async def _(f: Function) -> Function:
    from hyx.timeout import timeout

    return timeout(FAR)(f)


@row("async", "hyx bulkhead")
async def _(f: Function) -> Function:
    from hyx.bulkhead import bulkhead

    return bulkhead(max_concurrency=50, max_capacity=100)(f)


@row("async", "hyx token bucket")
async def _(f: Function) -> Function:
    from hyx.ratelimit import tokenbucket

    return tokenbucket(max_executions=PLENTY, per_time_secs=1, bucket_size=PLENTY)(f)


# Stacks


@row("async", "STACK tenacity + circuitbreaker + asyncio.timeout", *BOTH)
def _(f: Function) -> Function:
    return tenacity_(circuitbreaker_(timed(f)))


@row("async", "STACK stamina + purgatory + asyncio.timeout", *BOTH)
def _(f: Function) -> Function:
    return stamina_(purgatory_(timed(f)))


@row("async", "STACK backoff + circuitbreaker + asyncio.timeout", *BOTH)
def _(f: Function) -> Function:
    return backoff_(circuitbreaker_(timed(f)))


@row("async", "STACK hyx retry + breaker + timeout", *BOTH)
async def _(f: Function) -> Function:
    from hyx.retry import retry
    from hyx.timeout import timeout

    return retry(on=Boom, attempts=2, backoff=0.0)(hyx_breaker(timeout(FAR)(f)))


@row("async", "STACK interlock retry + breaker + timeout", *BOTH)
def _(f: Function) -> Function:
    import tenacity as t
    from interlock import CircuitBreaker, Config, Pipeline

    breaker = CircuitBreaker(
        name="service", config=Config(failure_rate_threshold=1.0, minimum_number_of_calls=1000)
    )
    steps = Pipeline.builder().retry(
        attempts=3, wait=t.wait_none(), retry=t.retry_if_exception_type(Boom)
    )
    return steps.circuit_breaker(breaker).timeout(FAR).build()(f)


@row("sync", "STACK tenacity + circuitbreaker", *BOTH)
def _(f: Function) -> Function:
    return tenacity_(circuitbreaker_(f))


@row("sync", "STACK stamina + pybreaker", *BOTH)
def _(f: Function) -> Function:
    return stamina_(pybreaker_(f))
