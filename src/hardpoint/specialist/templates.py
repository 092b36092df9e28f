"""The files of an adapter that `hardpoint new` writes; `@WORD@` is filled in by `scaffold`."""

from typing import Final

PROJECT: Final = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hardpoint-@NAME@"
version = "0.1.0"
description = "@TITLE@ for hardpoint."
requires-python = ">=3.11"
dependencies = ["hardpoint"]

[project.entry-points."hardpoint.providers"]
@NAME@ = "hardpoint_@NAME@"

[tool.hatch.build.targets.wheel]
packages = ["src/hardpoint_@NAME@"]

[tool.pytest.ini_options]
pythonpath = "src"
"""
MANIFEST: Final = '''"""@TITLE@: the manifest, and the settings of an account."""

from dataclasses import dataclass

from hardpoint.provider import Authorization, Provider, Secret, checked_base_url

HOST = "@HOST@"

PROVIDER = Provider(
    name="@NAME@",
    title="@TITLE@",
    contract=1,
    tokens=("@NAME@",),
    settings="hardpoint_@NAME@:@CLASS@",
    errors="hardpoint_@NAME@.errors:ERRORS",
    fake="hardpoint_@NAME@.fake:Fake@CLASS@",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class @CLASS@:
    """One account.

    Args:
        token: opens it.
        base_url: another address on loopback, for a fake.
    """

    token: Secret | Authorization
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, {HOST})
'''
ERRORS: Final = '''"""Refusals, by status and code: `codes.md` has them."""

from pathlib import Path

from hardpoint.provider import ErrorTable

ERRORS = ErrorTable.read("@NAME@", Path(__file__).with_name("codes.md"))
'''
CODES: Final = """# Codes of @TITLE@

A row for each code that the vendor documents. Those that are not here go by their status, and are
never taken for a success. To be done by a person: the vendor's own codes.

| status | code | error | field | meaning | action |
|---|---|---|---|---|---|
@STATUSES@
"""
CLIENT: Final = '''"""@TITLE@'s API: one attempt each. A policy repeats, waits and ends; see the README."""

@IMPORTS@import msgspec

from hardpoint.provider import ApiClient, JsonApi, Problem, Response, Transport, bearer
@SEGMENT@from hardpoint_@NAME@ import HOST, @CLASS@
from hardpoint_@NAME@.errors import ERRORS

PREFIX = @PREFIX@
"""What stands before each path."""


class Refusal(msgspec.Struct):
    """The vendor's no. To be done by a person: the names of its fields."""

    code: str | None = None
    message: str = ""

    def problem(self, reply: Response) -> Problem:
        """As the table is asked for it."""
        return Problem(status=reply.status, code=self.code, message=self.message)


class @CLASS@Api:
    """One account's API."""

    def __init__(self, transport: Transport, settings: @CLASS@) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={HOST},
            authorization=bearer(settings.token),
        )
        success = {200, 201, 202, 204}
        self._api = JsonApi(client, ERRORS, refusal=Refusal, success=success)

@OPERATIONS@

    def _answer(self, reply: Response) -> object:
        """What it says; None where it says nothing."""
        return self._api.read(reply, object) if reply.body else None
@QUERY@'''
QUERY: Final = """

def _query(pairs: Sequence[tuple[str, str | None]]) -> str:
    given = [(name, value) for name, value in pairs if value is not None]
    return f"?{urlencode(given)}" if given else ""
"""
FAKE: Final = '''"""@TITLE@ imitated: strict about credentials, paths and keys; it remembers what was done.

To be done by a person: the states and the answers that matter, after the vendor's own pages.
"""

import re

from hardpoint.provider import FakeReply, Ledger, Received, VendorFacts

TOKEN = "token-of-the-fake"
ROUTES: list[tuple[str, str, str, bool, str]] = [
@ROUTES@
]
"""Method, pattern of the path, operation, whether it acts, and the header of its key."""


class Fake@CLASS@:
    """One account."""

    name = "@NAME@"

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.facts = VendorFacts(settings={"token": TOKEN})
        self._answers: dict[str, tuple[bytes, FakeReply]] = {}

    def answer(self, request: Received) -> FakeReply:
        """Do it, or refuse it."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "Who are you?")
        for method, pattern, operation, acts, header in ROUTES:
            if request.method == method and re.fullmatch(pattern, request.path):
                return self._done(request, operation, acts, header)
        return _refusal(404, "There is no such thing.")

    def _done(self, request: Received, operation: str, acts: bool, header: str) -> FakeReply:
        key = request.headers.get(header) if header else None
        if header and key is None:
            return _refusal(400, f"{header} is missing.")
        if key is not None and key in self._answers:
            asked, known = self._answers[key]
            return known if asked == request.body else _refusal(409, "The key was used.")
        if acts:
            self.ledger.record(operation, path=request.path)
        reply = FakeReply.json({"id": "1", "operation": operation}, 200)
        if key is not None:
            self._answers[key] = request.body, reply
        return reply


def _refusal(status: int, message: str) -> FakeReply:
    return FakeReply.json({"message": message}, status)
'''
TESTS: Final = '''"""@TITLE@ over real HTTP on this machine, against its fake."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hardpoint_@NAME@ import PROVIDER, @CLASS@
from hardpoint_@NAME@.client import @CLASS@Api
from hardpoint_@NAME@.errors import ERRORS
from hardpoint_@NAME@.fake import ROUTES, TOKEN, Fake@CLASS@

from hardpoint import AuthenticationError, RateLimitedError, Secret, UnavailableError
from hardpoint.provider import AsyncTransport
from hardpoint.testing import FakeServer, rate_limit, status

Call = Callable[[@CLASS@Api], Awaitable[object]]
CASES: list[tuple[str, Call]] = [
@CASES@
]
FIRST: Call = CASES[0][1]


def ask(server: FakeServer, call: Call, token: str = TOKEN) -> object:
    async def go() -> object:
        async with AsyncTransport() as transport:
            settings = @CLASS@(token=Secret.value(token), base_url=server.url)
            return await call(@CLASS@Api(transport, settings))

    return asyncio.run(go())


@pytest.mark.parametrize(("name", "call"), CASES, ids=[name for name, _ in CASES])
def test_each_operation_is_answered(name: str, call: Call) -> None:
    with FakeServer(Fake@CLASS@()) as server:
        answer = ask(server, call)
    assert isinstance(answer, dict)
    assert answer["operation"] in {one for one, _ in CASES}


@pytest.mark.parametrize(("name", "call"), CASES, ids=[name for name, _ in CASES])
def test_a_repeat_under_a_key_acts_once(name: str, call: Call) -> None:
    vendor = Fake@CLASS@()
    with FakeServer(vendor) as server:
        first, second = ask(server, call), ask(server, call)
    keyed = {one for _, _, one, _, header in ROUTES if header}
    acts = {one for _, _, one, act, _ in ROUTES if act}
    assert first == second
    assert vendor.ledger.count() == (0 if name not in acts else 1 if name in keyed else 2)


def test_a_limit_is_told_as_one() -> None:
    with FakeServer(Fake@CLASS@()) as server:
        server.faults.next(rate_limit(retry_after="7"))
        with pytest.raises(RateLimitedError):
            ask(server, FIRST)


def test_an_outage_is_told_as_one() -> None:
    with FakeServer(Fake@CLASS@()) as server:
        server.faults.next(status(503))
        with pytest.raises(UnavailableError):
            ask(server, FIRST)


def test_a_wrong_secret_is_told_and_never_shown() -> None:
    with FakeServer(Fake@CLASS@()) as server, pytest.raises(AuthenticationError) as caught:
        ask(server, FIRST, token="wrong-secret-1")
    assert "wrong-secret-1" not in str(caught.value)


def test_the_manifest_and_the_table_are_there() -> None:
    assert PROVIDER.name == "@NAME@"
    assert ERRORS.known
'''
README: Final = """# @TITLE@ for hardpoint

Written by `hardpoint new adapter`. What a person has to answer stands in [RESEARCH.md](RESEARCH.md).

```sh
pip install -e . && pytest
hardpoint explain @NAME@
hardpoint fakes @NAME@
```

## Credentials

`token`, by reference: `env:NAME` or `file:PATH`. Which scopes it needs, and how it is rotated: RESEARCH.md.

## Operations

A class of repeat says what a policy may do: `safe` and `idempotent` may be repeated, `key` under the same key, `never` not
once it may have arrived. A refusal is never repeated.

| operation | request | repeat |
|---|---|---|
@TABLE@

## Error codes

[codes.md](src/hardpoint_@NAME@/codes.md). Webhooks are not verified yet: RESEARCH.md has the questions.
"""
RESEARCH: Final = """# What the specification does not say

Write each answer here, with the page it comes from and the day.

@QUESTIONS@
"""
