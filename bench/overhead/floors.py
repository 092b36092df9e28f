"""The floors: each job done by hand in one function, with nothing around it."""

import asyncio
import threading
import time
from contextvars import ContextVar

from bench.overhead.rows import FAR, Boom, Function, row

mono = time.monotonic


# The call itself


@row("async", "bare", "success", "rejection", kind="bare")
@row("sync", "bare", "success", "rejection", kind="bare")
def _(f: Function) -> Function:
    return f


@row("async", "bare", "failed attempt", kind="bare")
def _(f: Function) -> Function:
    async def call(*args, **kwargs):
        while True:
            try:
                return await f(*args, **kwargs)
            except Boom:
                pass

    return call


@row("sync", "bare", "failed attempt", kind="bare")
def _(f: Function) -> Function:
    def call(*args, **kwargs):
        while True:
            try:
                return f(*args, **kwargs)
            except Boom:
                pass

    return call


# One part each


@row("async", "floor: retry", "success", "failed attempt")
def _(f: Function) -> Function:
    async def call(*args, **kwargs):
        failed = 0
        while True:
            try:
                return await f(*args, **kwargs)
            except Boom:
                failed += 1
                if failed >= 3:
                    raise

    return call


@row("async", "floor: rate limit")
def _(f: Function) -> Function:
    arrival, interval, tolerance = 0.0, 1e-9, 1.0

    async def call(*args, **kwargs):
        nonlocal arrival
        now = mono()
        if arrival < now:
            arrival = now
        if arrival - now > tolerance:
            raise Boom
        arrival += interval
        return await f(*args, **kwargs)

    return call


@row("async", "floor: bulkhead")
def _(f: Function) -> Function:
    free, line = 100, []

    async def call(*args, **kwargs):
        nonlocal free
        if free <= 0:
            raise Boom
        free -= 1
        try:
            return await f(*args, **kwargs)
        finally:
            if line:
                line.pop().set_result(None)
            else:
                free += 1

    return call


class Buckets:
    """A breaker that is right on its success path: a generation, ten buckets, slow calls."""

    __slots__ = ("bad", "bucket", "epoch", "generation", "good", "slow", "state")

    def __init__(self) -> None:
        self.state = self.generation = self.epoch = self.bucket = 0
        self.good, self.bad, self.slow = [0] * 10, [0] * 10, [0] * 10

    def admit(self) -> int:
        if self.state:
            raise Boom
        return self.generation

    def record(self, generation: int, began: float, now: float, counts: list[int]) -> None:
        if generation != self.generation:
            return
        if (epoch := int(now)) != self.epoch:
            for late in range(self.epoch + 1, min(epoch, self.epoch + 10) + 1):
                self.good[late % 10] = self.bad[late % 10] = self.slow[late % 10] = 0
            self.epoch, self.bucket = epoch, epoch % 10
        counts[self.bucket] += 1
        if now - began > 5.0:
            self.slow[self.bucket] += 1


@row("async", "floor: breaker")
def _(f: Function) -> Function:
    buckets = Buckets()
    admit, record, good = buckets.admit, buckets.record, buckets.good

    async def call(*args, **kwargs):
        began = mono()
        generation = admit()
        result = await f(*args, **kwargs)
        record(generation, began, mono(), good)
        return result

    return call


class Wheel:
    """One timer for all calls of an event loop: a call costs an insert and a delete."""

    __slots__ = ("armed", "live", "loop")

    def __init__(self) -> None:
        self.live: dict[object, tuple[float, asyncio.Task]] = {}
        self.loop = asyncio.get_running_loop()
        self.armed = False

    def arm(self) -> None:
        self.armed = True
        self.loop.call_later(0.05, self.sweep)

    def sweep(self) -> None:
        now = mono()
        for limit, task in list(self.live.values()):
            if limit <= now:
                task.cancel()
        self.armed = False
        if self.live:
            self.arm()


@row("async", "floor: timeout")
async def _(f: Function) -> Function:
    wheel, current = Wheel(), asyncio.current_task
    live = wheel.live

    async def call(*args, **kwargs):
        key = object()
        live[key] = (mono() + FAR, current())
        if not wheel.armed:
            wheel.arm()
        try:
            return await f(*args, **kwargs)
        finally:
            del live[key]

    return call


# Together


class Cell:
    """The least breaker: a flag and a ring of the last outcomes."""

    __slots__ = ("failed", "index", "open", "ring", "slow", "until")

    def __init__(self, *, is_open: bool = False) -> None:
        self.open = is_open
        self.until = mono() + FAR
        self.ring = bytearray(64)
        self.index = self.failed = self.slow = 0


def _count(cell: Cell, bad: int) -> None:
    index = cell.index
    old = cell.ring[index]
    if old != bad:
        cell.ring[index] = bad
        cell.failed += bad - old
    cell.index = (index + 1) & 63


def _retry_and_breaker(f: Function, cell: Cell, sleep=None) -> Function:
    async def call(*args, **kwargs):
        failed = 0
        while True:
            if cell.open and mono() < cell.until:
                raise Boom
            began = mono()
            try:
                result = await f(*args, **kwargs)
            except Boom:
                _count(cell, 1)
                failed += 1
                if failed >= 3:
                    raise
            else:
                if mono() - began > 5.0:
                    cell.slow += 1
                _count(cell, 0)
                return result
            if sleep is not None:
                await sleep(0)

    return call


@row("async", "floor: retry + breaker", "success", "failed attempt")
def _(f: Function) -> Function:
    return _retry_and_breaker(f, Cell())


@row("async", "floor: retry + breaker, sleep(0)", "failed attempt")
def _(f: Function) -> Function:
    return _retry_and_breaker(f, Cell(), asyncio.sleep)


@row("async", "floor: retry + breaker", "rejection")
def _(f: Function) -> Function:
    return _retry_and_breaker(f, Cell(is_open=True))


def _retry_and_breaker_sync(f: Function, cell: Cell) -> Function:
    lock = threading.Lock()

    def call(*args, **kwargs):
        failed = 0
        while True:
            if cell.open and mono() < cell.until:
                raise Boom
            began = mono()
            try:
                result = f(*args, **kwargs)
            except Boom:
                with lock:
                    _count(cell, 1)
                failed += 1
                if failed >= 3:
                    raise
            else:
                with lock:
                    if mono() - began > 5.0:
                        cell.slow += 1
                    _count(cell, 0)
                return result

    return call


@row("sync", "floor: retry + breaker", "success", "failed attempt")
def _(f: Function) -> Function:
    return _retry_and_breaker_sync(f, Cell())


@row("sync", "floor: retry + breaker", "rejection")
def _(f: Function) -> Function:
    return _retry_and_breaker_sync(f, Cell(is_open=True))


@row("async", "floor: full stack", "success", "failed attempt")
async def _(f: Function) -> Function:
    """Deadline, bulkhead, rate limit, retry with budget, breaker, timeout, a look for listeners.

    Calls inside this one are told the deadline; else they would not keep it.
    """
    deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
    buckets, wheel, current = Buckets(), Wheel(), asyncio.current_task
    admit, record, good, bad, live = (
        buckets.admit,
        buckets.record,
        buckets.good,
        buckets.bad,
        wheel.live,
    )
    arrival, free, tokens, listeners = 0.0, 100, 500, []

    async def call(*args, **kwargs):
        nonlocal arrival, free, tokens
        task, began, failed = current(), mono(), 0
        until = deadline.get()
        if until is not None and until <= began:
            raise TimeoutError
        if free <= 0:
            raise Boom
        free -= 1
        try:
            while True:
                if arrival < began:
                    arrival = began
                if arrival - began > 1.0:
                    raise Boom
                arrival += 1e-9
                generation = admit()
                key = object()
                live[key] = (began + FAR, task)
                if not wheel.armed:
                    wheel.arm()
                deadline.set(began + FAR)
                try:
                    result = await f(*args, **kwargs)
                except Boom:
                    record(generation, began, mono(), bad)
                    failed += 1
                    if failed >= 3 or tokens < 1:
                        raise
                    tokens -= 1
                    began = mono()
                else:
                    tokens += 1
                    record(generation, began, mono(), good)
                    if listeners:
                        raise AssertionError
                    return result
                finally:
                    del live[key]
        finally:
            free += 1

    return call
