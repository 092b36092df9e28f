"""Tables of what vendors send and say are data beside the tests: `test_x.json` for `test_x.py`.
What is true of all vendors is tested in this folder, with the tables `*/x.json` for `test_x.py`.

A test with the mark `rows` runs once for each row of the table of its name. A table names its
columns; what JSON cannot spell stands in an object of one key:

    {"$bytes": TEXT}    one byte for each character of the text
    {"$text": [...]}    texts in a row; [TEXT, N] for one that comes N times
    {"$is": "m:A.B"}    a class, or a member of one, of the module `m`
    {"$made": ["m:A", ..., {NAME: ...}]}    what it makes of these arguments, the last by name
    {"$secret": TEXT}   a secret
    {"$tuple": [...]}   a tuple
"""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import App, FakeReply, Received
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, facts_of, fake
from hardpoint.testing.conformance.modes import Mode
from hardpoint.testing.conformance.served import ScriptedVendor, ServedAccount, driver_of
from hardpoint.webhooks import WebhookError, WebhookRequest
from hardpoint.webhooks.verification import Notification, Scheme

HERE = Path(__file__).parent
Row = tuple[Any, ...]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rows: run once for each row of the table of this name")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("rows"):
        path, columns, rows = Path(metafunc.module.__file__), list[str](), list[Row]()
        if path.parent != HERE:
            columns, rows = read(path.with_suffix(".json"), metafunc.function.__name__)
        for one in sorted(HERE.glob(f"*/{path.stem.removeprefix('test_')}.json")):
            own, more = read(one, metafunc.function.__name__)
            columns = ["vendor", *own] if own else columns
            rows += [(one.parent.name, *row) for row in more]
        metafunc.parametrize(columns, rows, ids=map(name, rows))


def read(path: Path, table: str) -> tuple[list[str], list[Row]]:
    found = tables(path).get(table, {"columns": [], "rows": []})
    return found["columns"], [tuple(map(value, row)) for row in found["rows"]]


@cache
def tables(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def value(spelled: Any) -> Any:
    """What a cell stands for."""
    if isinstance(spelled, list):
        return [value(one) for one in spelled]
    if not isinstance(spelled, dict):
        return spelled
    if len(spelled) == 1 and (read := SPELLED.get(next(iter(spelled)))):
        return read(*spelled.values())
    return {name: value(one) for name, one in spelled.items()}


def referred(reference: str) -> Any:
    module, _, path = reference.partition(":")
    return attrgetter(path)(resolve_name(module))


def made(call: list[Any]) -> Any:
    kind, *arguments = call
    *plain, named = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    return referred(kind)(*map(value, plain), **{name: value(one) for name, one in named.items()})


SPELLED: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda text: value(text).encode("latin-1"),
    "$text": lambda pieces: "".join(
        one if isinstance(one, str) else one[0] * one[1] for one in pieces
    ),
    "$is": referred,
    "$made": made,
    "$secret": Secret.value,
    "$tuple": lambda items: tuple(map(value, items)),
}


def name(row: tuple[Any, ...]) -> str:
    """Of a row, where a failure is told."""
    return "-".join(getattr(one, "__name__", None) or str(one) for one in row)[:60]


Serve = Callable[[Any, Any], ServedAccount]


@pytest.fixture(params=[True, False], ids=["all fields", "no optional fields"])
def fake_vendor(request: pytest.FixtureRequest) -> Generator[Any]:
    """The fake of the folder's vendor; what it was given stays where it is until it is carried."""
    vendor: Any = fake(request.path.parent.name, optional_fields=request.param)
    if hasattr(vendor, "delivers"):
        vendor.delivers = False
    yield vendor
    if (emitter := emitter_of(vendor)) is not None:
        emitter.close()


@pytest.fixture
def account(served: Serve, fake_vendor: App) -> ServedAccount:
    """Its account, served, and drivers on it."""
    return served(fake_vendor, partial(driver_of, fake_vendor))


@pytest.fixture
def scripted(
    served: Serve, script: ScriptedVendor, request: pytest.FixtureRequest
) -> ServedAccount:
    """The folder's driver on a vendor that gives one reply, and keeps what it received."""
    vendor = fake(request.path.parent.name)
    script.token_path = facts_of(vendor).token_path
    return served(script, partial(driver_of, vendor))


@dataclass(frozen=True)
class Imitated:
    """A fake that is served, and drivers of one mode on it."""

    vendor: Any
    server: FakeServer
    driver: Callable[..., Any]

    def requests(self) -> int:
        return self.server.requests

    def events(self) -> list[bytes]:
        return [emission.body for emission in self.vendor.emitter.pending()]


@pytest.fixture
def imitated(mode: Mode, fake_vendor: App) -> Generator[Imitated]:
    """For the conformance suites."""
    with FakeServer(fake_vendor) as server:
        driver = partial(driver_of, fake_vendor, mode.transport(), server.url)
        yield Imitated(fake_vendor, server, driver)


class Endpoint:
    """Where a fake's webhooks go: verified for the public address, whatever the real one is.

    Attributes:
        told: the events that came, as the scheme names them.
        refused: the reasons for which others were refused.
    """

    name = "shop"

    def __init__(self, scheme: Scheme, now: float) -> None:
        self.ledger = Ledger()
        self.told = list[Notification]()
        self.refused = list[str]()
        self._scheme, self._now = scheme, now

    def answer(self, request: Received) -> FakeReply:
        headers = request.headers.items()
        received = WebhookRequest(url=request.target, headers=headers, body=request.body)
        try:
            self.told += self._scheme.verify(received, now=self._now).events
        except WebhookError as error:
            self.refused.append(error.reason)
            return FakeReply(status=401)
        return FakeReply()


@pytest.fixture
def endpoint() -> Callable[[Scheme, float], Endpoint]:
    return Endpoint
