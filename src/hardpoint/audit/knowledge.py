"""What is known of other people's packages: `knowledge.toml`, read once."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from hardpoint.audit.program import CallSite

MUTATING: Final = frozenset({"post", "patch"})
"""HTTP methods that a repeat does again."""


@dataclass(frozen=True, slots=True)
class HttpClient:
    """A client for HTTP: how its calls are named, and how long they wait."""

    name: str
    methods: frozenset[str]
    blocking: bool
    wait: str
    timeout_position: int


@dataclass(frozen=True, slots=True)
class VendorSdk:
    """A vendor's own package."""

    name: str
    acts: frozenset[str]
    harmless: tuple[str, ...]
    key: tuple[str, ...]
    lists: frozenset[str]
    clients: frozenset[str]
    async_classes: tuple[str, ...]
    batches: frozenset[str]
    presigns: frozenset[str]
    retries: str | None
    money: bool


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All of it, arranged for asking."""

    clients: Mapping[str, HttpClient]
    """By prefix."""
    sdks: Mapping[str, VendorSdk]
    """By the package's name."""
    retriers: Mapping[str, str]
    """The package, by the name of the decorator."""
    words: Mapping[str, tuple[str, ...]]
    secret: re.Pattern[str]
    interest: tuple[bytes, ...]
    interest_in_tests: tuple[bytes, ...]

    def http(self, call: CallSite) -> HttpClient | None:
        """The client whose call it is, if it sends a request."""
        prefix, _, method = call.name.rpartition(".")
        found = self.clients.get(prefix)
        return found if found is not None and method in found.methods else None

    def sdk(self, call: CallSite) -> VendorSdk | None:
        """The vendor's package that it calls."""
        return self.sdks.get(call.root)

    def sends(self, call: CallSite) -> bool:
        """Whether it reaches over the network, as far as we know."""
        if self.http(call) is not None:
            return True
        sdk = self.sdk(call)
        return sdk is not None and _is_request(call, sdk)

    def mutates(self, call: CallSite) -> bool:
        """Whether a repeat of it does something again."""
        if self.http(call) is not None:
            return method_of(call) in MUTATING
        sdk = self.sdk(call)
        if sdk is None or call.last.removesuffix("_async") not in sdk.acts:
            return False
        return not any(f".{one}." in f"{call.name}." for one in sdk.harmless)

    def blocks(self, call: CallSite) -> bool:
        """Whether the thread waits until it is answered."""
        client = self.http(call)
        if client is not None:
            return client.blocking
        sdk = self.sdk(call)
        if sdk is None or call.last.endswith("_async"):
            return False
        if any(f".{one}" in call.name for one in sdk.async_classes):
            return False
        return _is_request(call, sdk)

    def pays(self, call: CallSite) -> bool:
        """Whether it moves money."""
        sdk = self.sdk(call)
        return sdk is not None and sdk.money and self.mutates(call)


def method_of(call: CallSite) -> str:
    """The HTTP method of a client's call, in lower case."""
    if call.last not in {"request", "urlopen", "stream"}:
        return call.last
    given: Any = call.argument(0, "method")
    value: object = getattr(given, "value", None)
    return value.lower() if isinstance(value, str) else ""


_WORDS: Final = ("breakers", "verifiers", "transactions", "mailers")
_READS: Final = frozenset({"retrieve", "list", "search", "fetch", "update", "modify", "delete"})


def _is_request(call: CallSite, sdk: VendorSdk) -> bool:
    """A call that is sent; not the making of a client, nor a helper."""
    if call.name.count(".") < 2:
        return False
    return call.last.removesuffix("_async") in _READS | sdk.acts | sdk.batches | sdk.lists


@cache
def knowledge() -> Knowledge:
    """The file, read once in a process."""
    told = tomllib.loads((Path(__file__).with_name("knowledge.toml")).read_text(encoding="utf-8"))
    clients: dict[str, HttpClient] = {}
    for name, one in told["clients"].items():
        client = HttpClient(
            name,
            frozenset(one["methods"]),
            one["blocking"],
            one["wait"],
            one.get("timeout_position", -1),
        )
        clients.update(dict.fromkeys(one["prefixes"], client))
    sdks: dict[str, VendorSdk] = {}
    for name, one in told["sdks"].items():
        sdk = VendorSdk(
            name,
            frozenset(one["acts"]),
            tuple(one.get("harmless", ())),
            tuple(one["key"]),
            frozenset(one.get("lists", ())),
            frozenset(one.get("clients", ())),
            tuple(one.get("async_classes", ())),
            frozenset(one.get("batches", ())),
            frozenset(one.get("presigns", ())),
            one.get("retries"),
            one.get("money", False),
        )
        sdks.update(dict.fromkeys(one["roots"], sdk))
    words = told["words"]
    return Knowledge(
        clients,
        sdks,
        {full: package for package, names in told["retries"].items() for full in names},
        {name: tuple(words[name]) for name in _WORDS},
        re.compile("|".join(f"(?:{one})" for one in words["secrets"])),
        tuple(one.encode() for one in words["interest"]),
        tuple(one.encode() for one in words["interest_in_tests"]),
    )
