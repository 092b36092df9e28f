"""Every contender in turn, round by round, in every setting."""

import asyncio
import contextlib
import gc
import inspect
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.results import told
from bench.wire.contenders import CONTENDERS, Contender, Crowd, Mode, Post

SIZES = {"/s": 200, "/l": 100_000}


@dataclass(frozen=True, slots=True)
class Setting:
    """How they are compared: over what, how much, how many at a time, beside how many idle."""

    mode: Mode
    tls: bool
    path: str
    at_a_time: int
    idle: int = 1

    def __str__(self) -> str:
        size = "200 B" if self.path == "/s" else "100 KB"
        over = "TLS" if self.tls else "plain"
        beside = f", {self.idle} idle" if self.idle > self.at_a_time else ""
        return f"{self.mode}, {over}, {size}, c={self.at_a_time}{beside}"


Times = dict[Setting, dict[str, list[float]]]
"""Micro-seconds of CPU for a call, in each round, by contender."""


def settings(*, quick: bool) -> list[Setting]:
    modes: tuple[Mode, ...] = ("async", "blocking")
    found = [
        Setting(mode, tls, path, at_a_time)
        for mode in modes
        for tls in (False, True)
        for path in SIZES
        for at_a_time in ((1, 16) if quick else (1, 16, 64))
    ]
    return found + [Setting(mode, False, "/s", 1, idle) for mode in modes for idle in (20, 64)]


@contextlib.contextmanager
def server() -> Iterator[tuple[str, str, Path]]:
    """The two base URLs, and the folder with the certificate."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.wire.server", folder]
        with told(command, stdin=subprocess.PIPE) as (process, found):
            plain, secure = next(found)
            yield f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", Path(folder)
            process.stdin.close()


class Turn:
    """A contender in a setting: its client, its loop or its threads."""

    def __init__(self, one: Contender, setting: Setting, base: str, folder: Path) -> None:
        self.one = one
        self.setting = setting
        self._runner = asyncio.Runner() if one.mode == "async" else None
        self._crowd = Crowd(setting.at_a_time) if setting.at_a_time > 1 else None
        self.post: Post = self._do(one.make(base, folder))
        self._open(max(setting.idle, setting.at_a_time))

    def _do(self, made):
        if not inspect.isawaitable(made):
            return made

        async def awaited():
            return await made

        return self._runner.run(awaited())

    def _open(self, count: int) -> None:
        """As many connections as there shall be."""
        path = f"/h?{count}"
        if self._runner is None:
            crowd = Crowd(count)
            crowd.play(lambda: self.post(path))
            crowd.end()
        else:

            async def together():
                await asyncio.gather(*(self.post(path) for _ in range(count)))

            self._runner.run(together())

    def spent(self, count: int) -> float:
        """Micro-seconds of CPU for a call."""
        if len(self._do(self.post(self.setting.path))) != SIZES[self.setting.path]:
            raise AssertionError(f"{self.one.name} gives another body")
        gc.collect()
        each = max(1, count // self.setting.at_a_time)
        began = time.process_time_ns()
        if self._runner is not None:
            self._runner.run(self._awaited(each))
        elif self._crowd is None:
            self._waited(each)
        else:
            self._crowd.play(lambda: self._waited(each))
        return (time.process_time_ns() - began) / each / self.setting.at_a_time / 1000

    async def _awaited(self, count: int) -> None:
        if self.setting.at_a_time == 1:
            await self._several(count)
        else:
            await asyncio.gather(*(self._several(count) for _ in range(self.setting.at_a_time)))

    async def _several(self, count: int) -> None:
        post, path = self.post, self.setting.path
        for _ in range(count):
            await post(path)

    def _waited(self, count: int) -> None:
        post, path = self.post, self.setting.path
        for _ in range(count):
            post(path)


def measure(chosen: list[Setting], rounds: int, calls: int) -> tuple[Times, set[str]]:
    """The times, and the contenders that are not installed."""
    found: Times = {}
    missing: set[str] = set()
    with server() as (plain, secure, folder):
        for setting in chosen:
            turns: list[Turn] = []
            for one in (one for one in CONTENDERS if one.mode == setting.mode):
                try:
                    turns.append(Turn(one, setting, secure if setting.tls else plain, folder))
                except ImportError:
                    missing.add(one.name)
            count = max(calls if setting.path == "/s" else calls // 2, setting.at_a_time)
            for turn in turns:
                turn.spent(count // 4)
            for number in range(rounds):
                for turn in turns if number % 2 else reversed(turns):
                    times = found.setdefault(setting, {}).setdefault(turn.one.name, [])
                    times.append(turn.spent(count))
    return found, missing
