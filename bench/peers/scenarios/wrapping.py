"""Decoration: what kinds of callables are protected, refused or silently left alone."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from bench.peers.library import Boom, Function, Guard
from bench.peers.scenarios.registry import scenario
from bench.peers.trial import Trial
from bench.peers.verdict import NotOffered, Verdict, judged


class Client:
    """An async callable in each of its usual shapes."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        raise Boom

    async def method(self) -> None:
        await self()

    def shapes(self) -> dict[str, Function]:
        async def function() -> None:
            await self()

        async def of(_: int) -> None:
            await self()

        return {
            "async def": function,
            "partial": functools.partial(of, 1),
            "bound method": self.method,
            "async __call__": self,
            "def giving a task": lambda: asyncio.ensure_future(self()),
        }


@scenario(
    9, "Async callables of every shape are guarded or refused", modes=("async",), everyone=True
)
async def async_shapes(trial: Trial) -> Verdict:
    findings: list[str] = []
    parts: list[tuple[str, Callable[[], Guard], int]] = [
        ("breaker", lambda: trial.breaker(failures=2), 6),
        ("retry", lambda: trial.retry(attempts=3), 1),
    ]
    gaps: list[NotOffered] = []
    for part, make, rounds in parts:
        try:
            make()
        except NotOffered as missing:
            gaps.append(missing)
            continue
        for shape in Client().shapes():
            client = Client()
            try:
                guarded = make()(client.shapes()[shape])
            except Exception:  # refused loudly, at decoration
                continue
            seen: object = None
            for _ in range(rounds):
                seen = await trial.outcome(guarded)
            guarding = client.calls == 2 if part == "breaker" else client.calls > 1
            if not guarding and not isinstance(seen, trial.library.refused):
                findings.append(f"{part}, {shape}: {_said(client.calls, seen)}")
    if len(gaps) == len(parts):
        raise gaps[0]
    return judged(findings)


def _said(calls: int, seen: object) -> str:
    if not isinstance(seen, Boom) and calls == 0:
        return f"{type(seen).__name__} at the call"
    return "never opens" if calls > 1 else "not retried"


class Stream:
    """A generator that fails after two items, the first time it is played or always."""

    def __init__(self, *, always: bool) -> None:
        self.plays = 0
        self.always = always

    async def played_async(self) -> AsyncIterator[int]:
        for item in self.played():
            yield item

    def played(self) -> Iterator[int]:
        self.plays += 1
        yield 1
        yield 2
        if self.always or self.plays == 1:
            raise Boom
        yield 3


@scenario(10, "Generators are followed or refused, never replayed or left alone")
async def generators(trial: Trial) -> Verdict:
    findings: list[str] = []

    def breaker() -> Guard:
        return trial.breaker(failures=2)

    def retry() -> Guard:
        return trial.retry(attempts=3)

    gaps: list[NotOffered] = []
    for part, make, always in (("breaker", breaker, True), ("retry", retry, False)):
        try:
            guard = make()
        except NotOffered as missing:
            gaps.append(missing)
            continue
        stream = Stream(always=always)
        try:
            guarded = guard(_function(trial, stream))
        except Exception:  # refused loudly, at decoration
            continue
        if part == "breaker":
            for _ in range(6):
                items, error = await _collect(trial, guarded)
            if stream.plays != 2:
                findings.append(_unfollowed(part, stream.plays, error))
        else:
            items, error = await _collect(trial, guarded)
            if len(items) > len(set(items)):
                findings.append(f"retry: replays items ({items})")
            elif isinstance(error, Boom):
                findings.append("retry: the failure passes, nothing is retried")
            elif error is not None:
                findings.append(f"retry: {type(error).__name__} at the call")
    if len(gaps) == 2:
        raise gaps[0]
    return judged(findings)


def _function(trial: Trial, stream: Stream) -> Function:
    async def asynchronous() -> AsyncIterator[int]:
        async for item in stream.played_async():
            yield item

    def synchronous() -> Iterator[int]:
        yield from stream.played()

    return asynchronous if trial.mode == "async" else synchronous


def _unfollowed(part: str, plays: int, error: object) -> str:
    if plays == 0:
        return f"{part}: {type(error).__name__} at the call"
    return f"{part}: the failure is not seen ({plays} of 6 plays reach the server)"


async def _collect(trial: Trial, guarded: Function) -> tuple[list[int], BaseException | None]:
    items: list[int] = []
    played: Any = None
    try:
        played = guarded()
        if trial.mode == "async":
            async for item in played:
                items.append(item)  # noqa: PERF401 - what came before the failure counts
        else:
            items.extend(played)
    except Exception as error:
        if hasattr(played, "close"):
            played.close()
        return items, error.with_traceback(None)
    return items, None
