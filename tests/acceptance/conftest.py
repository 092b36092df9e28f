"""A shop with two sources behind a real hub on a real database."""

import asyncio
import contextlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardpoint.hub.hub import Hub
from hardpoint.store.sqlite import SqliteReader
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.verification import scheme

_CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.billing]
provider = "stripe"
secrets = ["file:billing.secret"]
[webhooks.code]
provider = "github"
secrets = ["file:code.secret"]
"""


class Shop:
    """A folder with a configuration, its hub, and its vendors.

    Attributes:
        told: every telemetry event, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "shop.db"
        self.told: list[Any] = []
        self.live = {"billing": ["whsec_one"], "code": ["hook secret"]}
        for source, (secret,) in self.live.items():
            self.keep(source, secret)
        (folder / "hardpoint.toml").write_text(_CONFIGURATION)
        self.hub = Hub.load(folder / "hardpoint.toml", listeners=[self.told.append])

    def keep(self, source: str, secret: str) -> None:
        """Writes a source's secret into its file."""
        path = self.folder / f"{source}.secret"
        path.write_text(secret)
        path.chmod(0o600)

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Asks or tells the database on a connection of its own."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement, parameters).fetchall()

    def sign(
        self,
        source: str,
        body: bytes,
        *,
        event_id: str = "",
        event_type: str = "",
        at: float | None = None,
        secrets: list[str] | None = None,
    ) -> list[tuple[str, str]]:
        """The headers a vendor would send."""
        provider = {"billing": "stripe", "code": "github"}[source]
        signing = scheme(provider, secrets=secrets or self.live[source])
        now = time.time() if at is None else at
        return [*signing.sign(body, now=now, event_id=event_id, event_type=event_type)]

    def post(
        self, source: str, headers: list[tuple[str, str]], body: bytes
    ) -> "asyncio.Future[Answer]":
        """Hands a request to the hub's receiver, as a server does."""
        answered = asyncio.get_running_loop().create_future()
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.hub.receiver.submit(source, raw, body, answered.set_result)
        return answered

    def pay(self, order: str, event_id: str | None = None) -> "asyncio.Future[Answer]":
        """Stripe tells that an order is paid."""
        event = {"id": event_id or f"evt_{order}", "type": "paid", "order": order}
        body = msgspec.json.encode(event)
        return self.post("billing", self.sign("billing", body), body)

    def push(
        self, body: bytes, delivery: str, event_type: str = "push"
    ) -> "asyncio.Future[Answer]":
        """GitHub tells of a push."""
        headers = self.sign("code", body, event_id=delivery, event_type=event_type)
        return self.post("code", headers, body)

    def attempts(self) -> list[HandlerFinished]:
        """Those that ended so far."""
        return [event for event in self.told if isinstance(event, HandlerFinished)]

    def read(self, question: Callable[[SqliteReader], Any]) -> Any:
        """Looks beside the running hub."""
        with contextlib.closing(SqliteReader(self.database)) as reader:
            return question(reader)

    def events(self) -> Any:
        """All of them, the newest first."""
        return self.read(lambda reader: reader.events(limit=10_000))

    async def until(self, holds: Callable[[], object], seconds: float = 20) -> None:
        """Lets the loop run until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"in vain; told: {self.told[-20:]}"
            await asyncio.sleep(0.002)

    def open(self, scenario: Callable[[], Awaitable[Any]]) -> Any:
        """Runs a scenario beside the started hub."""

        async def play() -> Any:
            async with self.hub:
                return await scenario()

        return asyncio.run(play())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def reopened(tmp_path: Path) -> Callable[[], Shop]:
    """The same shop in what could be another process: another hub on the same folder."""
    return lambda: Shop(tmp_path)


PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "by-hand.md"


class Instant:
    """An `asyncio` whose sleeps take no time, and are written down."""

    def __init__(self):
        self.waits = []

    async def sleep(self, seconds):
        self.waits.append(seconds)


class Snippet:
    """What a section's snippet defines; setting an attribute changes what the snippet sees.

    Args:
        title: the section's.
        language: `py` for what is written by hand, `python` for ours.
        names: what the snippet takes for granted.
    """

    def __init__(self, title, language, **names):
        section = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        (source,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
        exec(compile(source, f"{title}, {language}", "exec"), names)
        self.__dict__ = names


def by_hand(title, **names):
    code = Snippet(title, "py", **names)
    code.asyncio = Instant()
    return code


def ours(title, **names):
    return Snippet(title, "python", **names)
