"""Rules about tests."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.program import CallSite, CodeModule
from hardpoint.audit.rules.making import constant, made, values_of

_REPLACED: Final = re.compile(
    r"responses|respx|requests_mock|httpx_mock|aioresponses|vcr|cassette|pytest_httpserver|httpserver|monkeypatch"
    r"|mock|patch|pytest_socket|disable_socket|httpretty|MockTransport|betamax|moto|TestClient|fake",
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|testserver|\.(test|example|invalid|local|localhost)([:/]|$)"
    r"|//(www\.)?example\.(com|org|net)|//[a-z_-]+(:\d+)?(/|$)"
)


@made(
    "HP701",
    "test-reaches-the-network",
    ChecklistItem.TESTING,
    Severity.LOW,
    "A test talks to a vendor",
    "Let it talk to a fake on this machine, and forbid other addresses in tests.",
    tests_too=True,
)
def reaches_network(module: CodeModule) -> Iterator[Spot]:
    """A call to a public address in a test that replaces nothing."""
    if not module.is_test or _REPLACED.search(module.source):
        return
    for call in module.calls:
        if knowledge().http(call) is None:
            continue
        address = _address(call)
        if re.match(r"https?://", address) and not _LOCAL.search(address):
            yield Spot(call.node, f"it asks {address.split('/')[2]}, which may be down, or count")


def _address(call: CallSite) -> str:
    for given in [*call.node.args[:2], call.keyword("url")]:
        for value in values_of(given, call.function):
            if isinstance(value, ast.JoinedStr):
                first = constant(value.values[0]) if value.values else ""
                return first if isinstance(first, str) else ""
            text = constant(value)
            if isinstance(text, str) and "://" in text:
                return text
    return ""


RULES: Final = (reaches_network,)
