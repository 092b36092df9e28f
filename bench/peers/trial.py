"""One library in one mode under a scenario: a scripted third party and ways to call it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.peers.library import Boom, Function, Guard, Library, Mode
from bench.peers.verdict import NotOffered

SETTLE = 0.5
"""Real seconds after which a call that neither entered the service nor ended counts as waiting."""


class Service:
    """The third party: answers as told and counts what reaches it."""

    def __init__(self, mode: Mode) -> None:
        self.calls = 0
        self.inside = 0
        self._answer: BaseException | type[BaseException] | None = None
        self._gate: asyncio.Event | threading.Event | None = None
        self.mode = mode
        self.on_call: Callable[[], object] = lambda: None
        self.function: Function = self._plain() if mode == "sync" else self._awaited()

    def answers(self, error: BaseException | type[BaseException] | None = None) -> None:
        """From now on every call raises `error`, or returns `"ok"`."""
        self._gate, self._answer = None, error

    def holds(self, error: type[BaseException] | None = None) -> asyncio.Event | threading.Event:
        """From now on calls wait for the event returned, and then answer."""
        self._gate = asyncio.Event() if self.mode == "async" else threading.Event()
        self._answer = error
        return self._gate

    def _awaited(self) -> Function:
        async def function(*_: Any) -> str:
            gate, answer = self._begin()
            if gate is not None:
                self.inside += 1
                try:
                    await gate.wait()
                finally:
                    self.inside -= 1
            return _given(answer)

        return function

    def _plain(self) -> Function:
        def function(*_: Any) -> str:
            gate, answer = self._begin()
            if gate is not None:
                self.inside += 1
                gate.wait(10)
                self.inside -= 1
            return _given(answer)

        return function

    def _begin(self) -> tuple[Any, BaseException | type[BaseException] | None]:
        self.calls += 1
        self.on_call()
        return self._gate, self._answer


def _given(answer: BaseException | type[BaseException] | None) -> str:
    if answer is not None:
        raise answer
    return "ok"


@dataclass
class Crowd:
    """Calls under way at the same time."""

    size: int
    outcomes: list[object] = field(default_factory=list)
    """What ended: `"ok"` or the exception."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    async def finish(self) -> list[object]:
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=10)
        for thread in self.threads:
            thread.join(10)
        return self.outcomes

    async def cancel(self) -> None:
        """Cancel every call, again if it goes on, and see each one through."""
        pending = set(self.tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=SETTLE)


class Trial:
    """The library, bound to a mode."""

    def __init__(self, library: Library, mode: Mode) -> None:
        self.library = library
        self.mode: Mode = mode

    # The library's parts

    def breakers(self, *, failures: int, recovery: float = 3600.0) -> Iterator[tuple[str, Guard]]:
        """Every form of breaker, each with what to say in front of a finding about it."""
        for form, guard in self.library.breakers(self.mode, failures=failures, recovery=recovery):
            yield (f"{form}: " if form else ""), guard

    def breaker(self, *, failures: int, recovery: float = 3600.0) -> Guard:
        """The breaker in its first, usual form."""
        return next(self.breakers(failures=failures, recovery=recovery))[1]

    def retry(self, *, attempts: int) -> Guard:
        return self.library.retry(self.mode, attempts=attempts)

    def either(self, *makers: Callable[[], Guard]) -> Iterator[Guard]:
        """What the library offers of these; raises `NotOffered` if that is nothing."""
        missing: list[NotOffered] = []
        for make in makers:
            try:
                yield make()
            except NotOffered as gap:
                missing.append(gap)
        if len(missing) == len(makers):
            raise missing[0]

    # Calls

    def service(self) -> Service:
        return Service(self.mode)

    async def call(self, guarded: Function, *args: Any) -> Any:
        result = guarded(*args)
        return await result if self.mode == "async" else result

    async def outcome(self, guarded: Function, *args: Any) -> object:
        """`"ok"` or the exception, without its traceback."""
        try:
            return await self.call(guarded, *args)
        except BaseException as error:  # a scenario looks at whatever came out
            return error.with_traceback(None)

    async def rejects(self, guarded: Function, service: Service) -> bool:
        """Whether an open circuit keeps the next call from the service."""
        calls = service.calls
        seen = await self.outcome(guarded)
        return service.calls == calls and isinstance(seen, self.library.rejected)

    async def trip(self, guarded: Function, service: Service, failures: int) -> None:
        """Open the circuit by so many failures."""
        service.answers(Boom)
        for _ in range(failures):
            await self.outcome(guarded)

    async def wait(self, seconds: float) -> None:
        await self.library.wait(seconds, self.mode)

    async def crowd(self, guarded: Function, size: int, service: Service) -> Crowd:
        """Start so many calls at once; returns when each is inside the service, waiting or over."""
        crowd = Crowd(size)
        before = service.inside

        async def run() -> None:
            crowd.outcomes.append(await self.outcome(guarded))

        def block() -> None:
            _step(run())

        if self.mode == "async":
            crowd.tasks = [asyncio.create_task(run()) for _ in range(size)]
        else:
            crowd.threads = [threading.Thread(target=block, daemon=True) for _ in range(size)]
            for thread in crowd.threads:
                thread.start()
        end = time.monotonic() + SETTLE
        while service.inside - before + len(crowd.outcomes) < size and time.monotonic() < end:
            if self.mode == "async":
                await asyncio.sleep(0)
            else:
                time.sleep(0.001)
        return crowd


async def until(reached: Callable[[], bool]) -> None:
    """Let the other tasks run until it is so; a library that never gets there is found out."""
    end = time.monotonic() + 10 * SETTLE
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("the call never reached the service")
        await asyncio.sleep(0)


def run(scenario: Callable[[Trial], Any], trial: Trial) -> Any:
    """Play a scenario: in an event loop, or, for plain functions, in none."""
    if trial.mode == "async":
        return asyncio.run(scenario(trial))
    return _step(scenario(trial))


def _step(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a scenario awaited something in sync mode")
